//! Measures the hot path over HTTP with durable commits: throughput, drain rate, latency.
//!
//! Server, Postgres and load share this machine and this process, so the figures are what the
//! whole costs. Every scenario runs several times; the median is shown, with the spread.

mod client;
mod cycle;
mod drain;
mod latency;
mod report;
mod target;

use clap::Parser;

use report::Report;
use target::Target;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the hot path over HTTP with durable commits.
#[derive(Debug, Parser)]
struct Arguments {
    /// A short run that only shows that everything works.
    #[arg(long)]
    quick: bool,
    /// How often each scenario runs.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// An empty Postgres database to use instead of a private cluster.
    #[arg(long)]
    database_url: Option<String>,
    /// Also writes the figures to this file, as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let rounds = if arguments.quick {
        1
    } else {
        arguments.rounds.max(1)
    };
    // A twentieth of the work shows that it works.
    let scale = if arguments.quick { 20 } else { 1 };
    let target = Target::start(arguments.database_url.clone()).await?;
    let mut report = Report::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for callers in [1, 16, 64, 256] {
            let runs = runs_for(callers) / scale;
            let rate = cycle::measure(&target, callers, runs).await?;
            report.add(
                format!("runs/s, {callers} starters + {callers} workers"),
                rate,
            );
        }
        let rate = drain::measure(&target, 128, 40_000 / scale).await?;
        report.add("drained jobs/s, 128 workers".to_owned(), rate);
        let rate = drain::measure_batched(&target, 8, 40_000 / scale).await?;
        report.add("drained jobs/s, 8 workers, 50 jobs a call".to_owned(), rate);
        for per_second in [50, 500] {
            let spread = latency::measure(&target, per_second, 500 / scale * 10).await?;
            report.add(
                format!("start to delivery at {per_second}/s, p50 ms"),
                spread.p50,
            );
            report.add(
                format!("start to delivery at {per_second}/s, p99 ms"),
                spread.p99,
            );
        }
    }
    target.stop().await?;
    report.print();
    report.write(arguments.json.as_deref())
}

/// Enough runs for some seconds at what that many callers reach.
const fn runs_for(callers: usize) -> usize {
    match callers {
        0..=1 => 1_500,
        2..=16 => 10_000,
        17..=64 => 30_000,
        _ => 60_000,
    }
}
