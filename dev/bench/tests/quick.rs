//! The short run of the bench, as a whole: every scenario of ours works and shows what it should.

use std::{path::Path, process::Command};

use serde_json::Value;

/// A case of each scenario, and a figure that only a load that worked can have.
const SHOWN: &[(&str, &str)] = &[
    ("sql-100", "runs/s"),
    ("echo", "requests/s"),
    ("cycle-256", "runs/s"),
    ("starts", "starts/s"),
    ("drain-single", "jobs/s"),
    ("drain-batch", "jobs/s"),
    ("workflow", "runs/s"),
    ("each", "end to end s"),
    ("latency-500", "p99 ms"),
    ("polls-10000", "server MB"),
    ("timers-spread", "p99 ms"),
    ("timers-instant", "longest ms"),
    ("streams", "p99 ms"),
    ("history-1m", "share of the empty-table rate"),
    ("snapshot-held", "share of the normal rate"),
];

#[test]
fn every_scenario_of_ours_works() {
    let output = tempfile::tempdir().unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--quick", "--output"])
        .arg(output.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let results: Value = serde_json::from_str(&read(output.path(), "results.json")).unwrap();
    for (case, figure) in SHOWN {
        let median = &results["cases"][case]["figures"][figure]["median"];
        assert!(
            median.as_f64().is_some_and(|value| value > 0.0),
            "{case}: {figure}: {median}"
        );
    }
    assert_eq!(
        results["cases"]["streams"]["figures"]["lost"]["highest"],
        0.0
    );
    assert!(read(output.path(), "results.md").contains("| starts/s | ≥ 25,000 |"));
    assert!(read(output.path(), "throughput.svg").starts_with("<svg"));
}

fn read(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).expect("the bench wrote it")
}
