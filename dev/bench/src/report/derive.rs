//! Figures that follow from those of several cases, after all were measured.

use super::{Case, Report};

/// The case whose figures are compared.
const CYCLE: &str = "cycle-256";

/// Compares the cycle with the best peer and with the ceiling.
pub(super) fn compare(report: &mut Report) {
    let Some(ours) = median(report, CYCLE, "runs/s") else {
        return;
    };
    let ceiling = best(report, "runs/s", |id| id.starts_with("sql-"));
    let peer = best(report, "jobs/s", |id| {
        id.starts_with("peer-") && id.ends_with("-cycle")
    });
    let known = report.cases.iter().find(|known| known.case.id == CYCLE);
    let case: Case = known.expect("its median is known").case.clone();
    if let Some(ceiling) = ceiling {
        report.note(&case, "share of the batched SQL ceiling", ours / ceiling);
    }
    if let Some(peer) = peer {
        report.note(&case, "times the best peer's cycle", ours / peer);
    }
}

fn median(report: &Report, case: &str, name: &str) -> Option<f64> {
    Some(report.figure(case, name)?.spread().median)
}

fn best(report: &Report, name: &str, is_meant: impl Fn(&str) -> bool) -> Option<f64> {
    let cases = report.cases.iter().filter(|known| is_meant(&known.case.id));
    cases
        .filter_map(|known| median(report, &known.case.id, name))
        .max_by(f64::total_cmp)
}
