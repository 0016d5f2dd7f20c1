//! Events that an action emits.

use super::{server::Server, *};
use crate::EmitError;

async fn tell(ctx: Context, _: JsonObject) -> Result<Value, ActionError> {
    ctx.emit("progress", json!({"percent": 50})).await?;
    ctx.emit("progress", json!({"percent": 100})).await?;
    let refused = ctx.emit("progress", 7).await;
    assert!(matches!(refused, Err(EmitError::Payload)));
    Ok(json!(null))
}

#[tokio::test(start_paused = true)]
async fn an_action_emits_under_the_fence_of_its_attempt() {
    let server = Server::new();
    let job = server.offer("tell", |claim| claim.attempt = 3);
    let running = start(&server, |worker| worker.action("tell", tell));
    server.report().await;
    let log = server.log();
    assert_eq!(log.emissions.len(), 2);
    for ((of, request), percent) in log.emissions.iter().zip([50, 100]) {
        assert_eq!(*of, job);
        assert_eq!((request.worker_id.as_str(), request.attempt), ("w", 3));
        assert_eq!(request.events.len(), 1);
        assert_eq!(request.events[0].kind, "progress");
        assert_eq!(request.events[0].payload["percent"], percent);
    }
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_fails_the_action_if_the_author_wants_it() {
    let server = Server::new();
    server.refuse_emissions();
    server.offer("tell", |_| {});
    let running = start(&server, |worker| worker.action("tell", tell));
    let report = server.report().await.report;
    assert!(report.error_message.unwrap().contains("was not sent"));
    assert_eq!(server.log().emissions.len(), 1);
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn a_test_of_an_action_sees_its_events() {
    let invocation = crate::testing::invoke(tell, json!({}));
    let events = invocation.events();
    invocation.await.unwrap();
    let percents: Vec<_> = events
        .all()
        .into_iter()
        .map(|event| event.payload["percent"].clone())
        .collect();
    assert_eq!(percents, [json!(50), json!(100)]);
}
