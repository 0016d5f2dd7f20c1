//! Names that are unknown where only some are known.

use super::{all_are_refused, step_with};

const WORKFLOWS: &str = "POST /projects/default/workflows";
const COMPLETE: &str = "POST /projects/default/jobs/{job}/complete";

#[tokio::test]
async fn an_unknown_value_is_told_those_that_are_known() {
    let report = |status| format!(r#"{{"worker_id":"w","attempt":1,"status":"{status}"}}"#);
    all_are_refused(&[
        (COMPLETE, &report("done"), &["status:", "done", "completed"]),
        (COMPLETE, &report("Completed"), &["status:", "Completed"]),
        (
            WORKFLOWS,
            &step_with(r#""action_kind":"lambda""#),
            &["spec.steps[0].action_kind", "lambda", "worker"],
        ),
        (
            WORKFLOWS,
            &step_with(r#""edge_matching_strategy":"any""#),
            &["spec.steps[0].edge_matching_strategy", "any"],
        ),
        (
            WORKFLOWS,
            &step_with(r#""retry":[{"jitter_strategy":"full"}]"#),
            &["spec.steps[0].retry[0].jitter_strategy", "FULL"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_unknown_field_is_refused_where_the_contract_forbids_it() {
    let spec = r#"{"name":"w","spec":{"name":"w","steps":[],"start":"a"}}"#;
    all_are_refused(&[
        (WORKFLOWS, spec, &["spec.start", "start_at"]),
        (
            WORKFLOWS,
            &step_with(r#""next":[{"step":"a","when":"true"}]"#),
            &["spec.steps[0].next[0].when", "condition"],
        ),
        (
            WORKFLOWS,
            &step_with(r#""retry":[{"max":3}]"#),
            &["spec.steps[0].retry[0].max", "max_retries"],
        ),
        (
            WORKFLOWS,
            &step_with(r#""catch":[{"error_equals":[],"next":"a","to":"a"}]"#),
            &["spec.steps[0].catch[0].to"],
        ),
        (
            WORKFLOWS,
            &step_with(r#""each":{"items":[],"var":"x"}"#),
            &["spec.steps[0].each.var"],
        ),
    ])
    .await;
}
