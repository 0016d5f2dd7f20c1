//! A workflow of three steps, one after the other.

use super::cycle::{Cycle, Extent};
use crate::{bench::Bench, load::Load, report::Case};

/// Measures it.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let label = "workflow of three steps, 256 starters + 256 workers";
    let case = Case::new("workflow", label, "runs/s");
    let stage = bench.stage().await?;
    for _ in bench.rounds() {
        bench.control().await?;
        let cycle = Cycle {
            callers: 256,
            extent: Extent::Runs(bench.amount(20_000)),
            steps: 3,
        };
        bench.measure(&case, &stage, Load::Cycle(cycle)).await?;
    }
    bench.end(stage).await
}
