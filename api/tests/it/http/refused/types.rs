//! Fields of the wrong type, and fields that are missing.

use reqwest::Method;

use super::all_are_refused;
use crate::harness::TestServer;

const PROJECTS: &str = "POST /projects";
const WORKFLOWS: &str = "POST /projects/default/workflows";
const RUNS: &str = "POST /projects/default/runs";
const CLAIM: &str = "POST /projects/default/jobs/claim";
const CLAIMS: &str = "POST /projects/default/jobs/claims";
const HEARTBEAT: &str = "POST /projects/default/jobs/{job}/heartbeat";
const HEARTBEATS: &str = "POST /projects/default/jobs/heartbeats";
const COMPLETE: &str = "POST /projects/default/jobs/{job}/complete";
const COMPLETIONS: &str = "POST /projects/default/jobs/completions";

#[tokio::test]
async fn projects_and_workflows_name_the_field() {
    let of_workflow = "PATCH /projects/default/workflows/{workflow}";
    let no_step_name = r#"{"name":"w","spec":{"name":"w","steps":[{"action":"a"}]}}"#;
    let step_name = r#"{"name":"w","spec":{"name":"w","steps":[{"name":1}]}}"#;
    let tool = r#"{"name":"w","published_as_tool":"yes","spec":{"name":"w","steps":[]}}"#;
    all_are_refused(&[
        (PROJECTS, "{}", &["name"]),
        (PROJECTS, r#"{"name":5}"#, &["name:"]),
        (PROJECTS, r#"{"name":"n","handle":{}}"#, &["handle:"]),
        ("PATCH /projects/{project}", r#"{"name":[]}"#, &["name:"]),
        (WORKFLOWS, r#"{"name":"w"}"#, &["spec"]),
        (WORKFLOWS, r#"{"name":"w","spec":[]}"#, &["spec"]),
        (
            WORKFLOWS,
            r#"{"name":"w","spec":{"name":"w"}}"#,
            &["spec", "steps"],
        ),
        (WORKFLOWS, no_step_name, &["spec.steps[0]", "name"]),
        (WORKFLOWS, step_name, &["spec.steps[0].name:"]),
        (WORKFLOWS, tool, &["published_as_tool:"]),
        (of_workflow, r#"{"spec":1}"#, &["spec:"]),
    ])
    .await;
}

#[tokio::test]
async fn starts_and_claims_name_the_field() {
    all_are_refused(&[
        (RUNS, r#"{"inputs":[]}"#, &["inputs:"]),
        (RUNS, r#"{"metadata":{"a":1}}"#, &["metadata.a:"]),
        (RUNS, r#"{"definition_id":7}"#, &["definition_id:"]),
        (CLAIM, "{}", &["worker_id"]),
        (CLAIM, r#"{"worker_id":null}"#, &["worker_id:"]),
        (CLAIM, r#"{"worker_id":"w","queues":"q"}"#, &["queues:"]),
        (CLAIM, r#"{"worker_id":"w","queues":[1]}"#, &["queues[0]:"]),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":1.5}"#,
            &["wait_seconds:"],
        ),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":"1"}"#,
            &["wait_seconds:"],
        ),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":99999999999}"#,
            &["wait_seconds:"],
        ),
        (CLAIMS, r#"{"worker_id":"w"}"#, &["max_jobs"]),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":"2"}"#,
            &["max_jobs:"],
        ),
        (CLAIMS, r#"{"max_jobs":2}"#, &["worker_id"]),
        (CLAIMS, r#"{"worker_id":7,"max_jobs":2}"#, &["worker_id:"]),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":2,"queues":[3]}"#,
            &["queues[0]:"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn heartbeats_and_reports_name_the_field() {
    let bad_attempt = r#"{"items":[{"job_id":"j","worker_id":"w","attempt":"1"}]}"#;
    let bad_status = r#"{"items":[{"job_id":"j","worker_id":"w","attempt":1,"status":"ok"}]}"#;
    let bad_result = r#"{"worker_id":"w","attempt":1,"status":"completed","result_b64":{}}"#;
    all_are_refused(&[
        (HEARTBEAT, "{}", &["worker_id"]),
        (
            HEARTBEAT,
            r#"{"worker_id":"w","attempt":"1"}"#,
            &["attempt:"],
        ),
        (HEARTBEATS, bad_attempt, &["items[0]", "attempt:"]),
        (HEARTBEATS, r#"{"items":{}}"#, &["items:"]),
        (COMPLETE, r#"{"worker_id":"w","attempt":1}"#, &["status"]),
        (
            COMPLETE,
            r#"{"worker_id":"w","attempt":1,"status":5}"#,
            &["status:"],
        ),
        (COMPLETE, bad_result, &["result_b64:"]),
        (COMPLETIONS, bad_status, &["items[0]", "status:"]),
    ])
    .await;
}

/// An array of a struct's fields in their order is not that struct.
#[tokio::test]
async fn an_array_is_not_taken_for_an_object_at_any_depth() {
    let step = r#"{"spec":{"name":"w","steps":[["a"]]}}"#;
    let edge = r#"{"spec":{"name":"w","steps":[{"name":"a","action":"echo","next":[["a"]]}]}}"#;
    let sleep = r#"{"spec":{"name":"w","steps":[{"name":"a","sleep":["1s"]}]}}"#;
    let spec = r#"{"spec":["w",null,null,[],[],{},[{"name":"a","action":"echo"}]]}"#;
    all_are_refused(&[
        (RUNS, spec, &["spec:", "object"]),
        (RUNS, step, &["spec.steps[0]:", "object"]),
        (RUNS, edge, &["spec.steps[0].next[0]:", "object"]),
        (RUNS, sleep, &["spec.steps[0].sleep:", "object"]),
        (
            HEARTBEATS,
            r#"{"items":[["j","w",1]]}"#,
            &["items[0]:", "object"],
        ),
        (
            COMPLETIONS,
            r#"{"items":[["j"]]}"#,
            &["items[0]:", "object"],
        ),
    ])
    .await;
}

/// Clients know JSON, not the types of our language.
#[tokio::test]
async fn messages_name_no_types_of_rust() {
    let server = TestServer::start().await;
    let bodies = [
        (RUNS, r#"{"spec":1}"#, "expected an object"),
        (
            RUNS,
            r#"{"spec":{"name":"w","steps":{}}}"#,
            "expected an array",
        ),
        (RUNS, r#"{"inputs":[]}"#, "expected an object"),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":"1"}"#,
            "expected an integer",
        ),
        (
            CLAIM,
            r#"{"worker_id":"w","wait_seconds":1.5}"#,
            "expected an integer",
        ),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":[]}"#,
            "expected an integer",
        ),
        (
            CLAIMS,
            r#"{"worker_id":"w","max_jobs":1,"wait_seconds":"1"}"#,
            "expected an integer",
        ),
    ];
    for (line, body, says) in bodies {
        let path = line.trim_start_matches("POST ");
        let answer = server.owner.send(Method::POST, path, Some(body)).await;
        let message = answer.error(400, "bad_request");
        assert!(message.contains(says), "{body}: {message}");
        for word in ["struct", "i32", "u32", "sequence", "map", "option"] {
            let mut words = message.split(|c: char| !c.is_alphanumeric());
            assert!(words.all(|said| said != word), "{body}: {message}");
        }
    }
}
