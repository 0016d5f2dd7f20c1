//! All values as JSON, for programs that compare runs of the bench.

use serde_json::{Map, Value, json};

use super::{
    Report,
    figures::{CaseFigures, Figure, Spread},
    goals::GOALS,
};

/// Everything that was measured.
pub(super) fn render(report: &Report, seconds: f64) -> String {
    let cases = report.cases.iter();
    let cases: Map<String, Value> = cases
        .map(|case| (case.case.id.clone(), case_value(case)))
        .collect();
    let goals: Vec<Value> = GOALS
        .iter()
        .map(|goal| {
            let median = goal.figure(report).map(|figure| figure.spread().median);
            let is_met = median.filter(|_| !report.quick);
            let is_met = is_met.map(|median| goal.bound.is_met(median));
            json!({ "what": goal.what, "median": median, "met": is_met })
        })
        .collect();
    let times: Map<String, Value> = report
        .times
        .iter()
        .map(|(scenario, seconds)| (scenario.clone(), json!(seconds)))
        .collect();
    let all = json!({
        "postgres": report.postgres_version,
        "seconds": seconds,
        "seconds_by_scenario": times,
        "skipped": report.skipped,
        "goals": goals,
        "cases": cases,
    });
    format!("{all:#}\n")
}

fn case_value(case: &CaseFigures) -> Value {
    let figures: Map<String, Value> = case
        .figures
        .iter()
        .map(|figure| (figure.name.clone(), figure_value(figure)))
        .collect();
    json!({ "label": case.case.label, "figures": figures, "series": case.series })
}

fn figure_value(figure: &Figure) -> Value {
    let spread = figure.spread();
    let ratio = (!figure.ratios.is_empty()).then(|| Spread::of(&figure.ratios).median);
    json!({
        "median": spread.median,
        "lowest": spread.lowest,
        "highest": spread.highest,
        "values": figure.values,
        "ratio_to_control": ratio,
    })
}
