//! `mobius runs`: an operator's commands over the HTTP API.

use mobius_test_support::TestDatabase;
use mobius_types::{RunId, StartRunRequest};
use serde_json::{Value, json};

use crate::harness::{Deployment, Ended, Server};

/// Waits for a signal, then for an operator.
fn waiting() -> Value {
    json!({"name": "waiting", "steps": [
        {"name": "wait", "wait_signal": {"topic": "go", "timeout": "1h", "store": "got"},
         "next": [{"step": "hold"}]},
        {"name": "hold", "pause": {}},
    ]})
}

async fn start(server: &Server) -> String {
    let request = StartRunRequest {
        spec: Some(serde_json::from_value(waiting()).unwrap()),
        queue: Some("q".to_owned()),
        ..StartRunRequest::default()
    };
    let run = server.client().start_run(&request).await.unwrap();
    run.id.to_string()
}

#[tokio::test]
async fn an_operator_takes_a_run_from_its_start_to_its_end() {
    let database = TestDatabase::create().await;
    let server = Deployment::over(database.url()).await.server(&[]).await;
    let (run, other) = (start(&server).await, start(&server).await);
    let runs = async |arguments: &[&str]| server.runs(arguments).await;
    let done = async |arguments: &[&str]| runs(arguments).await.succeeded();

    let listed = done(&["list", "--queue", "q"]).await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(
        listed[1].contains(&other) && listed[2].contains(&run),
        "{listed:?}"
    );
    assert!(listed[1].contains("suspended") && listed[1].contains("waiting"));

    done(&["signal", &run, "go", "--payload", r#"{"n": 7}"#]).await;
    let paused = runs(&["signal", &run, "go", "--payload", "7"]).await;
    assert!(paused.refused().contains("JSON object"));
    assert_eq!(done(&["resume", &run]).await, [format!("{run} goes on")]);
    let shown = done(&["show", &run]).await.join("\n");
    assert!(
        shown.contains("completed") && shown.contains("\"n\": 7"),
        "{shown}"
    );
    assert!(
        runs(&["resume", &run])
            .await
            .refused()
            .contains("run_ended")
    );

    assert_eq!(
        done(&["cancel", &other]).await,
        [format!("{other} will end")]
    );
    let shown = done(&["show", &other, "--json"]).await.join("\n");
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["status"], &shown["cancel_requested"]),
        (&json!("failed"), &json!(true))
    );
    let retried = done(&["retry", "--status", "failed", "--from", "start"]).await;
    assert_eq!(retried, [format!("{other} goes on")]);
}

#[tokio::test]
async fn what_could_not_be_done_is_said_and_fails_the_command() {
    let database = TestDatabase::create().await;
    let server = Deployment::over(database.url()).await.server(&[]).await;
    let unknown = RunId::generate().to_string();
    let ended: Ended = server.runs(&["cancel", &unknown, "x"]).await;
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stdout.is_empty());
    let said = ended.stderr.join("\n");
    assert!(
        said.contains(&format!("{unknown}: run not found")) && said.contains("x: "),
        "{said}"
    );
    let nothing = server.runs(&["cancel"]).await.refused();
    assert!(nothing.contains("`run_ids`"), "{nothing}");
    let none = server.runs(&["cancel", "--queue", "nobody's"]).await;
    assert!(none.status.success() && none.stderr.concat().contains("no run matches"));
}
