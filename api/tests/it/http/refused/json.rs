//! What is not JSON, and JSON that can't be stored.

use reqwest::Method;

use super::{all_are_refused, start_with};
use crate::harness::TestServer;

const PROJECTS: &str = "POST /projects";
const WORKFLOWS: &str = "POST /projects/default/workflows";
const RUNS: &str = "POST /projects/default/runs";
const CLAIM: &str = "POST /projects/default/jobs/claim";

#[tokio::test]
async fn what_is_not_one_json_object_is_refused() {
    all_are_refused(&[
        (PROJECTS, "", &["object"]),
        (PROJECTS, "{", &["EOF"]),
        (PROJECTS, "null", &["object"]),
        (PROJECTS, "[]", &["object"]),
        (PROJECTS, r#"["n","h"]"#, &["object"]),
        (PROJECTS, "{} {}", &[]),
        (PROJECTS, r#"{"name":"n"} x"#, &["trailing"]),
        (PROJECTS, "{'name':'n'}", &[]),
        (
            PROJECTS,
            r#"{"name":"n","name":"m"}"#,
            &["name", "duplicate"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn characters_that_can_not_be_stored_are_refused_with_their_place() {
    let nul_in_spec = r#"{"name":"w","spec":{"name":"w","state":{"a":{"b":"\u0000"}},"steps":[{"name":"a","action":"echo"}]}}"#;
    all_are_refused(&[
        (PROJECTS, r#"{"name":"a\u0000b"}"#, &["name", "U+0000"]),
        (PROJECTS, r#"{"name":"n","a\u0000":1}"#, &["U+0000"]),
        (PROJECTS, r#"{"name":"\ud800"}"#, &["name"]),
        (PROJECTS, r#"{"name":"\ud800x"}"#, &["name"]),
        (PROJECTS, r#"{"name":"\udc00"}"#, &["name", "surrogate"]),
        (WORKFLOWS, nul_in_spec, &["spec.state.a.b", "U+0000"]),
        (
            RUNS,
            &start_with(r#""inputs":{"a":[{"b":"x\u0000"}]}"#),
            &["inputs.a[0].b", "U+0000"],
        ),
        (
            RUNS,
            &start_with(r#""inputs":{"\u0000":1}"#),
            &["inputs", "U+0000"],
        ),
        (
            RUNS,
            &start_with(r#""metadata":{"k":"\u0000"}"#),
            &["metadata.k", "U+0000"],
        ),
        (
            RUNS,
            &start_with(r#""queue":"\u0000""#),
            &["queue", "U+0000"],
        ),
        (
            RUNS,
            &start_with(r#""external_id":"\u0000""#),
            &["external_id", "U+0000"],
        ),
        (CLAIM, r#"{"worker_id":"\u0000"}"#, &["worker_id", "U+0000"]),
        (
            CLAIM,
            r#"{"worker_id":"w","queues":["\u0000"]}"#,
            &["queues[0]", "U+0000"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn numbers_and_depths_that_can_not_be_stored_are_refused() {
    let deep = format!(
        r#""inputs":{{"a":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    all_are_refused(&[
        (RUNS, &start_with(&deep), &["inputs", "recursion"]),
        (
            RUNS,
            &start_with(r#""inputs":{"a":1e400}"#),
            &["inputs", "out of range"],
        ),
        (
            RUNS,
            &start_with(r#""inputs":{"a":-1e999}"#),
            &["inputs", "out of range"],
        ),
        (RUNS, &start_with(r#""inputs":{"a":NaN}"#), &["inputs"]),
        (RUNS, &start_with(r#""inputs":{"a":01}"#), &["inputs"]),
    ])
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_text_is_refused() {
    let server = TestServer::start().await;
    for line in [PROJECTS, RUNS, CLAIM] {
        let path = line.trim_start_matches("POST ");
        let body = b"{\"name\":\"\xff\",\"worker_id\":\"\xff\"}".to_vec();
        let answer = server.owner.send(Method::POST, path, Some(body)).await;
        answer.error(400, "bad_request");
    }
}
