//! The cycle while somebody holds a snapshot open, as a long export does: what was deleted or
//! changed since then can't be cleaned up.

use sqlx::{Connection, PgConnection};

use super::cycle::{Cycle, Extent, WINDOWS};
use crate::{
    bench::{Bench, Sample, Stage},
    load::Load,
    report::Case,
};

const CALLERS: usize = 64;

/// Measures the normal rate, and then the rate beside the snapshot, by windows of ten seconds.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let normal = Case::new(
        "snapshot-none",
        "cycle for 20 s without a snapshot, 64 + 64",
        "runs/s",
    );
    let seconds = match (bench.quick, bench.full) {
        (true, _) => 2,
        (false, false) => 60,
        (false, true) => 600,
    };
    let label = format!("cycle for {seconds} s beside an open snapshot, 64 + 64");
    let held = Case::new("snapshot-held", label, "runs/s");
    // Ten minutes are ten times as long as what is asked for three times.
    let rounds = if bench.full { 1..=1 } else { bench.rounds() };
    for _ in rounds {
        let stage = bench.stage().await?;
        bench.control().await?;
        let before = cycle(bench, &normal, &stage, seconds.min(20)).await?;
        let mut holder = PgConnection::connect(&stage.database_url).await?;
        hold(&mut holder).await?;
        let beside = cycle(bench, &held, &stage, seconds).await?;
        holder.close().await?;
        let rates = beside.outcome.series.get(WINDOWS);
        let last = rates.and_then(|rates| rates.last()).copied();
        let share = beside.outcome.rate() / before.outcome.rate();
        bench.report.note(&held, "share of the normal rate", share);
        if let Some(last) = last {
            let share = last / before.outcome.rate();
            bench.report.note(&held, "share in the last 10 s", share);
        }
        bench.end(stage).await?;
    }
    Ok(())
}

async fn cycle(
    bench: &mut Bench,
    case: &Case,
    stage: &Stage,
    seconds: u64,
) -> anyhow::Result<Sample> {
    let load = Cycle {
        callers: CALLERS,
        extent: Extent::Seconds(seconds),
        steps: 1,
    };
    bench.measure(case, stage, Load::Cycle(load)).await
}

/// The first query of the transaction takes the snapshot.
async fn hold(session: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::raw_sql("begin isolation level repeatable read; select count(*) from runs")
        .execute(session)
        .await?;
    Ok(())
}
