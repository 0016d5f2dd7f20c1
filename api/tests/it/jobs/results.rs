//! Results of every kind, as later steps see them: through a variable, the items of `each`, and
//! the mapping of a join.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::harness::{Replica, TestServer, job_path};

/// What a worker reports, if anything, and what a later step sees.
type Case = (Option<&'static [u8]>, Value);

fn cases() -> Vec<Case> {
    vec![
        (None, json!(null)),
        (Some(b""), json!("")),
        (Some(b"null"), json!(null)),
        (Some(b" 7 "), json!(7)),
        (Some(b"{\"a\":[1,2.5]}"), json!({"a": [1, 2.5]})),
        (Some(b"plain text"), json!("plain text")),
        (Some(b"{\"a\":"), json!("{\"a\":")),
        (Some(b"${state.secret}"), json!("${state.secret}")),
        (Some(b"\xff\xfe"), json!({"b64": "//4="})),
        // What Postgres can't store, raw and escaped, as a value and as a key.
        (Some(b"a\0b"), json!({"b64": "YQBi"})),
        (Some(br#""\u0000""#), json!({"b64": "Ilx1MDAwMCI="})),
        (Some(br#"{"\u0000":1}"#), json!({"b64": "eyJcdTAwMDAiOjF9"})),
        // Half of a pair is no character, so that this is no JSON; a pair is one character.
        (Some(br#""\ud800""#), json!(r#""\ud800""#)),
        (Some(br#"["\udc00\ud800"]"#), json!(r#"["\udc00\ud800"]"#)),
        (Some(br#""\ud83d\ude00""#), json!("\u{1f600}")),
        // Half of a pair as bytes is no text, either.
        (Some(b"\xed\xa0\x80"), json!({"b64": "7aCA"})),
    ]
}

async fn report(server: &Replica, job: &Value, result: Option<&[u8]>) {
    let mut report = json!({
        "worker_id": "w", "attempt": job["attempt"], "status": "completed",
    });
    if let Some(bytes) = result {
        report["result_b64"] = json!(BASE64_STANDARD.encode(bytes));
    }
    let answer = server.owner.post(&job_path(job, "complete"), &report).await;
    answer.with_status(204);
}

/// Claims the step `see`, whose parameter `seen` is given, and lets the run complete.
async fn seen(server: &Replica, run: &Value) -> Value {
    let mut job = server.owner.claim("w").await;
    assert_eq!(job["step_name"], "see", "{job:.1000}");
    report(server, &job, None).await;
    let ended = server.owner.run(run).await;
    assert_eq!(ended["status"], "completed", "{}", ended["error_message"]);
    job["parameters"]["seen"].take()
}

/// The step that is shown a value.
fn see(value: &str) -> Value {
    json!({"name": "see", "action": "see", "parameters": {"seen": value}})
}

fn one_action() -> Value {
    json!({"name": "w", "steps": [
        {"name": "give", "action": "give", "store": "given", "next": [{"step": "see"}]},
        see("${state.given}"),
    ]})
}

/// A step that runs for so many items and stores what they give.
fn items(count: usize) -> Value {
    let items: Value = (0..count).collect();
    json!({"name": "w", "steps": [
        {"name": "map", "action": "give", "store": "all", "each": {"items": items},
         "parameters": {"index": "${state.index}"}, "next": [{"step": "see"}]},
        see("${state.all}"),
    ]})
}

/// So many branches of one step, of which a join copies the variable and all variables.
fn joined(branches: usize) -> Value {
    let mut edges = vec![json!({"step": "join"})];
    let mut mappings = json!({});
    let mut steps = Vec::new();
    for branch in 0..branches {
        edges.push(json!({"step": format!("{branch}"), "branch": format!("b{branch}")}));
        mappings[format!("b{branch}.given")] = json!(format!("value{branch}"));
        mappings[format!("b{branch}")] = json!(format!("whole{branch}"));
        steps.push(json!({"name": format!("{branch}"), "action": "give", "store": "given"}));
    }
    steps.splice(
        0..0,
        [
            json!({"name": "fork", "action": "fork", "next": edges}),
            json!({"name": "join", "join": {"branch_mappings": mappings},
                "next": [{"step": "see"}]}),
            see("${state}"),
        ],
    );
    json!({"name": "w", "steps": steps})
}

#[tokio::test]
async fn a_later_step_sees_json_or_text_or_base64() {
    let server = TestServer::start().await;
    for (bytes, expected) in cases() {
        let run = server.owner.start_of(&one_action()).await;
        let job = server.owner.claim("w").await;
        report(&server, &job, bytes).await;
        assert_eq!(seen(&server, &run).await, expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn the_results_of_items_are_stored_as_a_single_one_would_be() {
    let server = TestServer::start().await;
    let cases = cases();
    let run = server.owner.start_of(&items(cases.len())).await;
    let mut jobs = Vec::new();
    for _ in &cases {
        jobs.push(server.owner.claim("w").await);
    }
    for job in jobs.iter().rev() {
        let index = job["parameters"]["index"].as_u64().unwrap();
        let (bytes, _) = cases[usize::try_from(index).unwrap()];
        report(&server, job, bytes).await;
    }
    let expected: Value = cases.into_iter().map(|(_, expected)| expected).collect();
    assert_eq!(seen(&server, &run).await, expected);
}

#[tokio::test]
async fn a_join_copies_every_kind_of_result() {
    let server = TestServer::start().await;
    let cases = cases();
    let run = server.owner.start_of(&joined(cases.len())).await;
    let fork = server.owner.claim("w").await;
    report(&server, &fork, None).await;
    let mut expected = json!({});
    for _ in 0..cases.len() {
        let job = server.owner.claim("w").await;
        let branch: usize = job["step_name"].as_str().unwrap().parse().unwrap();
        let (bytes, value) = &cases[branch];
        report(&server, &job, *bytes).await;
        expected[format!("value{branch}")] = value.clone();
        expected[format!("whole{branch}")] = json!({"given": value});
    }
    assert_eq!(seen(&server, &run).await, expected);
}

/// The largest result as JSON, as text and as neither. Base64 makes the last larger by a third.
fn largest() -> [(Vec<u8>, Value); 3] {
    const MOST: usize = 4 * 1024 * 1024;
    let long = "x".repeat(MOST - 2);
    let binary = vec![0xff; MOST];
    [
        (format!("\"{long}\"").into_bytes(), json!(long)),
        (format!("x {long}").into_bytes(), json!(format!("x {long}"))),
        (
            binary.clone(),
            json!({"b64": BASE64_STANDARD.encode(binary)}),
        ),
    ]
}

#[tokio::test]
async fn the_largest_result_reaches_a_later_step_whole() {
    let server = TestServer::start().await;
    for (bytes, expected) in largest() {
        let run = server.owner.start_of(&one_action()).await;
        let job = server.owner.claim("w").await;
        report(&server, &job, Some(&bytes)).await;
        assert!(seen(&server, &run).await == expected);

        let run = server.owner.start_of(&items(2)).await;
        for bytes in [&bytes, b"1".as_slice()] {
            let job = server.owner.claim("w").await;
            report(&server, &job, Some(bytes)).await;
        }
        assert!(seen(&server, &run).await == json!([expected, 1]));
    }
}

/// A variable and its copy are more than a run's state may hold.
#[tokio::test]
async fn a_join_that_copies_too_much_fails_its_run_and_says_why() {
    let server = TestServer::start().await;
    let [_, _, (bytes, _)] = largest();
    let run = server.owner.start_of(&joined(1)).await;
    let fork = server.owner.claim("w").await;
    report(&server, &fork, None).await;
    let job = server.owner.claim("w").await;
    report(&server, &job, Some(&bytes)).await;
    let ended = server.owner.run(&run).await;
    assert_eq!(ended["status"], "failed");
    let message = ended["error_message"].as_str().unwrap();
    assert!(message.contains("limit_exceeded"), "{message}");
}
