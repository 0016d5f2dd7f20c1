//! Interactions: opened by runs, answered once, expired by their timers.

use std::time::Duration;

use mobius_store::{
    Answer, Error,
    interactions::{InteractionFilter, get, list},
};
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{
    ActorRef, ActorType, Interaction, InteractionId, InteractionStatus, RunId, WorkflowRunStatus,
};
use serde_json::json;

use crate::{
    invariants, rows,
    scenes::{complete_next, steps, workflow},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Asks a person for an hour, then acts on the answer; without one goes on with `late`.
fn asks() -> RunDraft {
    workflow(json!([
        {"name": "ask", "interaction": {
            "type": "approval", "message": "Really, ${inputs.who}?", "timeout": "1h",
            "context": {"size": 3}, "spec": {"mode": "confirm"},
            "target": {"type": "user", "id": "user_1"}, "on_timeout": "late"},
         "next": [{"step": "act"}]},
        {"name": "act", "action": "act", "parameters": {"said": "${state.ask.value}"}},
        {"name": "late", "action": "late"},
    ]))
}

async fn start(tenant: &Tenant) -> RunId {
    let mut draft = asks();
    draft.inputs.insert("who".to_owned(), json!("you"));
    tenant.start(draft).await.id
}

async fn open(tenant: &Tenant, run: RunId) -> Interaction {
    let filter = InteractionFilter {
        status: Some(InteractionStatus::Pending),
        run: Some(run),
        ..InteractionFilter::default()
    };
    let mut connection = tenant.connection().await;
    let page = list(&mut connection, tenant.project, &filter, None, 10).await;
    page.unwrap().items.remove(0)
}

fn yes(interaction: InteractionId) -> Answer {
    Answer {
        interaction,
        responder: ActorRef {
            kind: ActorType::Member,
            id: "user_1".to_owned(),
        },
        value: json!(true),
        comment: Some("why not".to_owned()),
    }
}

async fn answer(tenant: &Tenant, id: InteractionId) -> Result<Interaction, Error> {
    tenant
        .store
        .answer_interaction(tenant.project, yes(id))
        .await
}

fn assert_closed(refused: Result<Interaction, Error>) {
    assert!(
        matches!(
            refused,
            Err(Error::Conflict {
                code: "interaction_closed",
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_answer_takes_the_run_on() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start(tenant).await;
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Suspended);
    let asked = open(tenant, run).await;
    assert_eq!(asked.message.as_deref(), Some("Really, you?"));
    assert_eq!(asked.topic.as_deref(), Some("ask"));
    assert_eq!(asked.target_actor.kind, ActorType::Member);

    let answered = answer(tenant, asked.id).await.unwrap();
    assert_eq!(answered.status, InteractionStatus::Completed);
    assert_eq!(answered.response.unwrap().value, json!(true));
    assert_eq!(answered.responder_actor.unwrap().id, "user_1");
    let act = complete_next(tenant).await;
    assert_eq!(act.job.parameters["said"], true);
    assert_closed(answer(tenant, asked.id).await);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_question_expires_with_its_time() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start(tenant).await;
    let asked = open(tenant, run).await;
    tenant.advance_clock(HOUR).await;
    tenant.fire_due().await;
    assert_eq!(steps(tenant, run).await, ["late"]);
    assert_closed(answer(tenant, asked.id).await);
    let mut connection = tenant.connection().await;
    let expired = get(&mut connection, tenant.project, asked.id).await;
    assert_eq!(expired.unwrap().unwrap().status, InteractionStatus::Expired);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn a_retry_asks_anew_and_the_old_question_stays_closed() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = start(tenant).await;
    let old = open(tenant, run).await;
    tenant.cancel(run).await.unwrap();
    tenant.retry(run).await.unwrap();
    let new = open(tenant, run).await;
    assert_ne!(new.id, old.id);
    assert_eq!(new.expires_at, old.expires_at);
    assert_closed(answer(tenant, old.id).await);
    answer(tenant, new.id).await.unwrap();
    assert_eq!(steps(tenant, run).await, ["act"]);
    invariants::assert_hold(tenant).await;
}

#[tokio::test]
async fn of_several_answers_at_once_one_counts() {
    let world = World::create().await;
    let tenant = world.tenant();
    let replica = world.replica();
    let run = start(tenant).await;
    let id = open(tenant, run).await.id;
    let answers = futures_util::future::join_all((0..8).map(|nth| {
        let tenant = if nth % 2 == 0 { tenant } else { &replica };
        answer(tenant, id)
    }));
    let counted = answers.await.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(counted, 1);
    assert_eq!(steps(tenant, run).await, ["act"]);
}

#[tokio::test]
async fn nobody_answers_for_another_tenant() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    let run = start(tenant).await;
    let id = open(tenant, run).await.id;
    let foreign = answer(&other, id).await;
    assert!(matches!(foreign, Err(Error::NotFound("interaction"))));
    let answered: i64 = rows::value(
        tenant,
        "select count(*) from interactions where project_id = $1 and status <> 'pending'",
    )
    .await;
    assert_eq!(answered, 0);
}
