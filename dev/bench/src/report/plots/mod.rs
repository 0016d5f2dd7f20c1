//! The figures as pictures.

mod bars;
mod lines;

use super::{Case, Report, names};
use crate::scenarios::cycle::WINDOWS;
use bars::{Bar, Kind};

/// A file for each plot that has something to show.
pub(super) fn render(report: &Report) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut files = Vec::new();
    for (name, title, bars) in [
        (
            "throughput.svg",
            "Runs or jobs a second",
            throughput(report),
        ),
        (
            "cpu.svg",
            "CPU µs of server and Postgres for each",
            cpu(report),
        ),
        ("latency.svg", "Start to delivery, ms", latency(report)),
    ] {
        if !bars.is_empty() {
            files.push((name, bars::draw(title, &bars)?));
        }
    }
    let held = report
        .cases
        .iter()
        .find(|known| known.case.id == "snapshot-held");
    let rates = held.and_then(|case| case.series.get(WINDOWS));
    if let Some(rates) = rates.filter(|rates| !rates.is_empty()) {
        let title = "Runs a second beside an open snapshot, by windows of 10 s";
        files.push(("snapshot.svg", lines::draw(title, rates)?));
    }
    Ok(files)
}

fn throughput(report: &Report) -> Vec<Bar> {
    let units = ["runs/s", "jobs/s", "starts/s"];
    // Those of latencies are given, not reached.
    let is_meant = |case: &Case| units.contains(&case.unit) && !case.id.starts_with("latency-");
    let cases = report.cases.iter().filter(|known| is_meant(&known.case));
    cases
        .filter_map(|known| bar(report, &known.case.id, known.case.unit, ""))
        .collect()
}

fn cpu(report: &Report) -> Vec<Bar> {
    let cases = report.cases.iter();
    cases
        .filter_map(|known| bar(report, &known.case.id, names::BOTH, ""))
        .collect()
}

fn latency(report: &Report) -> Vec<Bar> {
    let percentiles = ["p50 ms", "p95 ms", "p99 ms"];
    let cases = ["latency-50", "latency-500"];
    let all = cases
        .iter()
        .flat_map(|case| percentiles.map(|name| (case, name)));
    all.filter_map(|(case, name)| bar(report, case, name, name))
        .collect()
}

fn bar(report: &Report, case: &str, figure: &str, note: &str) -> Option<Bar> {
    let spread = report.figure(case, figure)?.spread();
    let known = report.cases.iter().find(|known| known.case.id == case)?;
    Some(Bar {
        label: format!("{} {note}", known.case.label),
        spread,
        kind: Kind::of(case),
    })
}
