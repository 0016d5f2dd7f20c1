//! Values that are too long, too many, or out of range.

use super::{all_are_refused, start_with};

const PROJECTS: &str = "POST /projects";
const RUNS: &str = "POST /projects/default/runs";
const CLAIM: &str = "POST /projects/default/jobs/claim";
const CLAIMS: &str = "POST /projects/default/jobs/claims";
const HEARTBEATS: &str = "POST /projects/default/jobs/heartbeats";
const COMPLETIONS: &str = "POST /projects/default/jobs/completions";

/// One character more than a name may have.
fn long() -> String {
    "x".repeat(256)
}

#[tokio::test]
async fn projects_and_workflows_have_bounds() {
    let unnamed = r#"{"name":"","spec":{"name":"w","steps":[{"name":"a","action":"a"}]}}"#;
    let text = format!(r#"{{"name":"n","description":"{}"}}"#, "x".repeat(10_001));
    all_are_refused(&[
        (PROJECTS, r#"{"name":""}"#, &["name:"]),
        (PROJECTS, r#"{"name":" \t "}"#, &["name:"]),
        (
            PROJECTS,
            &format!(r#"{{"name":"{}"}}"#, long()),
            &["name:", "255"],
        ),
        (PROJECTS, r#"{"name":"日本"}"#, &["handle:"]),
        (PROJECTS, r#"{"name":"n","handle":"A b"}"#, &["handle:"]),
        (PROJECTS, r#"{"name":"n","handle":""}"#, &["handle:"]),
        (PROJECTS, &text, &["description:"]),
        ("POST /projects/default/workflows", unnamed, &["name:"]),
    ])
    .await;
}

#[tokio::test]
async fn starts_have_bounds() {
    let field = |name: &str, value: &str| start_with(&format!(r#""{name}":"{value}""#));
    let labels: Vec<String> = (0..101).map(|label| format!(r#""{label}":"x""#)).collect();
    let labels = format!(r#""metadata":{{{}}}"#, labels.join(","));
    all_are_refused(&[
        (RUNS, &field("queue", ""), &["queue:"]),
        (RUNS, &field("queue", &long()), &["queue:"]),
        (RUNS, &field("external_id", &long()), &["external_id:"]),
        (RUNS, &start_with(r#""metadata":{"":"x"}"#), &["metadata"]),
        (RUNS, &start_with(&labels), &["metadata:", "100"]),
    ])
    .await;
}

#[tokio::test]
async fn claims_and_batches_have_bounds() {
    let names: Vec<String> = (0..1_001).map(|name| format!(r#""{name}""#)).collect();
    let actions = format!(r#"{{"worker_id":"w","actions":[{}]}}"#, names.join(","));
    let items = [r#"{"job_id":"j","worker_id":"w","attempt":1}"#; 101].join(",");
    let name = format!(r#"{{"worker_id":"w","worker_name":"{}"}}"#, long());
    all_are_refused(&[
        (CLAIM, r#"{"worker_id":""}"#, &["worker_id:"]),
        (
            CLAIM,
            &format!(r#"{{"worker_id":"{}"}}"#, long()),
            &["worker_id:"],
        ),
        (CLAIM, &name, &["worker_name:"]),
        (CLAIM, &actions, &["actions:"]),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":-1}"#,
            &["wait_seconds:", "30"],
        ),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":31}"#,
            &["wait_seconds:", "30"],
        ),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":0}"#,
            &["max_jobs:", "100"],
        ),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":101}"#,
            &["max_jobs:", "100"],
        ),
        (HEARTBEATS, r#"{"items":[]}"#, &["items:"]),
        (
            HEARTBEATS,
            &format!(r#"{{"items":[{items}]}}"#),
            &["items:", "100"],
        ),
        (COMPLETIONS, r#"{"items":[]}"#, &["items:"]),
    ])
    .await;
}
