//! The cycle beside millions of finished runs, and beside none, in turns.

mod fill;

use super::cycle::{Cycle, Extent};
use crate::{
    bench::{Bench, Sample, Stage},
    load::Load,
    report::Case,
};

const CALLERS: usize = 64;

/// Measures one million, and with `--full` ten.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let empty = bench.stage().await?;
    let filled = bench.stage().await?;
    // The run that is copied, and the same on the other side.
    for stage in [&empty, &filled] {
        bench.sample(stage, load(1)).await?;
    }
    let sizes: &[(&str, i64)] = match (bench.quick, bench.full) {
        (true, _) => &[("history-1m", 2_000)],
        (false, false) => &[("history-1m", 1_000_000)],
        (false, true) => &[("history-1m", 1_000_000), ("history-10m", 10_000_000)],
    };
    let mut there = 0;
    for (id, size) in sizes {
        fill::copy_finished(&filled.database_url, there, *size).await?;
        there = *size;
        compare(bench, (*id, *size), (&empty, &filled)).await?;
    }
    bench.end(empty).await?;
    bench.end(filled).await
}

async fn compare(
    bench: &mut Bench,
    (id, size): (&str, i64),
    (empty, filled): (&Stage, &Stage),
) -> anyhow::Result<()> {
    let without = Case::new(
        format!("{id}-none"),
        "cycle beside no history, 64 + 64",
        "runs/s",
    );
    let label = format!("cycle beside {size} finished runs, 64 + 64");
    let with = Case::new(id, label, "runs/s");
    for _ in bench.rounds() {
        bench.control().await?;
        let runs = bench.amount(30_000);
        let before = bench.measure(&without, empty, load(runs)).await?;
        let beside = bench.measure(&with, filled, load(runs)).await?;
        let share = beside.outcome.rate() / before.outcome.rate();
        bench
            .report
            .note(&with, "share of the empty-table rate", share);
        if let (Some(p99), Some(p99_before)) = (p99(&beside), p99(&before)) {
            bench
                .report
                .note(&with, "p99 to that of empty tables", p99 / p99_before);
        }
    }
    Ok(())
}

fn p99(sample: &Sample) -> Option<f64> {
    sample.outcome.figures.get("p99 ms").copied()
}

/// So many runs.
fn load(runs: usize) -> Load {
    Load::Cycle(Cycle {
        callers: CALLERS.min(runs),
        extent: Extent::Runs(runs),
        steps: 1,
    })
}
