//! `POST /projects/{project}/interactions/{id}/respond`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{of_run, path};
use crate::harness::{Answer, TestServer};

/// Starts a run that asks, and then gives the answer to a job.
async fn asked(server: &TestServer, kind: &str, spec: Option<Value>) -> (Value, Value) {
    let mut ask = json!({
        "type": kind, "message": "?", "timeout": "1h",
        "target": {"type": "user", "id": server.tenant.user.to_string()},
    });
    if let Some(spec) = spec {
        ask["spec"] = spec;
    }
    let workflow = json!({"name": "w", "steps": [
        {"name": "ask", "interaction": ask, "next": [{"step": "tell"}]},
        {"name": "tell", "action": "echo", "parameters": {"answer": "${state.ask.value}"}},
    ]});
    let run = server.owner.start_of(&workflow).await;
    let interaction = of_run(server, &run).await.remove(0);
    (run, interaction)
}

async fn respond(server: &TestServer, interaction: &Value, body: &Value) -> Answer {
    let path = format!("{}/respond", path(interaction));
    server.owner.post(&path, body).await
}

#[tokio::test]
async fn an_answer_is_kept_and_takes_the_run_on_once() {
    let server = TestServer::start().await;
    let (run, interaction) = asked(&server, "approval", None).await;
    let answer = json!({"value": true, "comment": "fine"});
    let answered = respond(&server, &interaction, &answer)
        .await
        .with_status(200);
    assert_eq!(answered["id"], interaction["id"]);
    assert_eq!(answered["status"], "completed");
    assert_eq!(answered["response"]["value"], true);
    assert_eq!(answered["response"]["comment"], "fine");
    assert!(answered["response"]["at"].is_string() && answered["completed_at"].is_string());
    let me = json!({"type": "member", "id": server.tenant.user.to_string()});
    assert_eq!(answered["responder_actor"], me);
    assert_eq!(server.owner.run(&run).await["status"], "queued");
    let job = server.owner.claim("w").await;
    assert_eq!(job["parameters"], json!({"answer": true}));
    for late in [&answer, &json!({"value": "nonsense"})] {
        let again = respond(&server, &interaction, late).await;
        again.error(409, "interaction_closed");
    }
    assert!(server.owner.claim("w").await.is_null());
}

#[tokio::test]
async fn an_interaction_that_nobody_waits_for_takes_no_answer() {
    let server = TestServer::start().await;
    let (run, interaction) = asked(&server, "approval", None).await;
    server
        .owner
        .act(&run, "cancellations")
        .await
        .with_status(204);
    let late = respond(&server, &interaction, &json!({"value": true})).await;
    late.error(409, "interaction_closed");
    let shown = server.owner.get(&path(&interaction)).await.with_status(200);
    assert_eq!(shown["status"], "expired");
}

/// Whether or not the scheduler has come by.
#[tokio::test]
async fn an_interaction_that_is_past_its_time_takes_no_answer() {
    let server = TestServer::start().await;
    let (_, interaction) = asked(&server, "approval", None).await;
    server
        .tenant
        .advance_clock(Duration::from_secs(3_601))
        .await;
    let late = respond(&server, &interaction, &json!({"value": true})).await;
    late.error(409, "interaction_closed");
}

#[tokio::test]
async fn an_answer_is_what_was_asked_for() {
    let server = TestServer::start().await;
    let options = json!([{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]);
    let select = json!({"mode": "select", "options": options});
    let multi = json!({"mode": "multi_select", "options": options});
    let cases = [
        (
            "approval",
            None,
            vec![json!("yes"), json!(1), Value::Null],
            json!(false),
        ),
        (
            "approval",
            Some(json!({"mode": "confirm"})),
            vec![json!("true")],
            json!(true),
        ),
        (
            "review",
            Some(select.clone()),
            vec![json!("c"), json!(["a"]), json!(true)],
            json!("b"),
        ),
        (
            "input",
            Some(select),
            vec![json!(""), json!("A")],
            json!("a"),
        ),
        (
            "input",
            Some(multi),
            vec![json!("a"), json!(["c"]), json!(["a", "a"]), json!([1])],
            json!(["b", "a"]),
        ),
        (
            "input",
            Some(json!({"mode": "input"})),
            vec![json!(7), json!([])],
            json!("text"),
        ),
        ("input", None, vec![Value::Null], json!({"any": ["thing"]})),
    ];
    for (kind, spec, refused, taken) in cases {
        let (_, interaction) = asked(&server, kind, spec).await;
        for value in refused {
            let answer = respond(&server, &interaction, &json!({"value": value})).await;
            let message = answer.error(400, "bad_request");
            assert!(message.starts_with("value: "), "{kind} {value}: {message}");
        }
        let answer = respond(&server, &interaction, &json!({"value": taken})).await;
        assert_eq!(answer.with_status(200)["response"]["value"], taken);
        let job = server.owner.claim("w").await;
        assert_eq!(job["parameters"], json!({"answer": taken}));
    }
}

#[tokio::test]
async fn a_review_without_choices_is_answered_by_having_looked() {
    let server = TestServer::start().await;
    let (_, interaction) = asked(&server, "review", None).await;
    let answered = respond(&server, &interaction, &json!({}))
        .await
        .with_status(200);
    assert_eq!(answered["response"]["value"], true);
}

#[tokio::test]
async fn answers_have_bounds() {
    let server = TestServer::start().await;
    let (_, interaction) = asked(&server, "input", None).await;
    let large = json!({"value": "x".repeat(256 * 1024)});
    let message = respond(&server, &interaction, &large)
        .await
        .error(413, "too_large");
    assert!(message.starts_with("value: "), "{message}");
    let wordy = json!({"value": 1, "comment": "x".repeat(10_001)});
    let message = respond(&server, &interaction, &wordy)
        .await
        .error(400, "bad_request");
    assert!(message.starts_with("comment: "), "{message}");
}

#[tokio::test]
async fn an_answer_is_nested_no_deeper_than_a_run_can_be_read_again() {
    let server = TestServer::start().await;
    let (run, interaction) = asked(&server, "input", None).await;
    let nested = |levels: usize| {
        let value = (0..levels).fold(json!(1), |inner, _| json!([inner]));
        json!({"value": value})
    };
    let answer = respond(&server, &interaction, &nested(100)).await;
    let message = answer.error(400, "bad_request");
    assert_eq!(message, "value: must not be nested deeper than 99 levels");
    let answer = respond(&server, &interaction, &nested(99)).await;
    answer.with_status(200);
    assert_eq!(server.owner.run(&run).await["status"], "queued");
}
