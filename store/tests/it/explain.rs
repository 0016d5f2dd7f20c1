//! Explaining a job: what it says, and that it says what a claim does.

use std::time::Duration;

use mobius_store::{jobs, pauses};
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{JobExplanation, JobId, JobOptions, PauseKind, RateLimit, WorkflowRun};
use serde_json::json;

use crate::rows;

/// What can stand in the way of a waiting job.
const CLAUSES: [&str; 5] = [
    "scheduled",
    "queue_paused",
    "action_paused",
    "concurrency_limit",
    "rate_limit",
];

async fn explain(tenant: &Tenant, job: JobId) -> JobExplanation {
    let mut connection = tenant.connection().await;
    let explained = jobs::explain(&mut connection, tenant.project, job);
    explained.await.unwrap().unwrap()
}

async fn pause(tenant: &Tenant, kind: PauseKind, name: &str) {
    let mut connection = tenant.connection().await;
    let paused = pauses::pause(&mut connection, tenant.project, (kind, name), None, "ann");
    paused.await.unwrap();
}

/// A waiting job with all of that in its way.
async fn job_behind(tenant: &Tenant, clauses: &[&str]) -> WorkflowRun {
    let has = |clause: &str| clauses.contains(&clause);
    let options = JobOptions {
        max_concurrency: has("concurrency_limit").then_some(1),
        rate_limit: has("rate_limit").then_some(RateLimit {
            limit: 1,
            per_seconds: 3_600,
        }),
        ..JobOptions::default()
    };
    let draft = RunDraft {
        options,
        ..RunDraft::default()
    };
    tenant.start(draft.clone()).await;
    let first = tenant.claim_one("holder").await;
    if !has("concurrency_limit") {
        tenant.settle(first.completed(&json!(1))).await.unwrap();
    }
    let run = tenant.start(draft).await;
    if has("scheduled") {
        let later = "update jobs set scheduled_at = mobius_now() + interval '1 minute'
                     where project_id = $1 and status = 'pending'";
        assert_eq!(rows::change(tenant, later).await, 1);
    }
    if has("queue_paused") {
        pause(tenant, PauseKind::Queue, "default").await;
    }
    if has("action_paused") {
        pause(tenant, PauseKind::Action, "echo").await;
    }
    run
}

#[tokio::test]
async fn a_claim_takes_a_job_exactly_when_it_is_said_to_be_claimable() {
    let world = World::create().await;
    for chosen in 0..1 << CLAUSES.len() {
        let among = |(place, _): &(usize, &&str)| chosen & (1 << place) != 0;
        let clauses = CLAUSES.iter().enumerate().filter(among);
        let clauses: Vec<&str> = clauses.map(|(_, clause)| *clause).collect();
        let tenant = world.tenant().another_project(&format!("p{chosen}")).await;
        let run = job_behind(&tenant, &clauses).await;
        let job = tenant.newest_job(run.id).await.id;
        let explained = explain(&tenant, job).await;
        let claimed = tenant.claim("w", 1).await;
        assert_eq!(
            explained.claimable,
            claimed.len() == 1,
            "{clauses:?}: {explained:?}"
        );
        assert_eq!(explained.claimable, clauses.is_empty(), "{clauses:?}");
        let codes: Vec<&str> = explained
            .reasons
            .iter()
            .map(|it| it.code.as_str())
            .collect();
        for clause in CLAUSES {
            assert_eq!(
                codes.contains(&clause),
                clauses.contains(&clause),
                "{codes:?}"
            );
        }
        let is_known = !clauses
            .iter()
            .any(|it| it.ends_with("paused") || it.starts_with("conc"));
        assert_eq!(explained.earliest_at.is_some(), is_known, "{clauses:?}");
    }
}

#[tokio::test]
async fn the_earliest_time_is_the_one_at_which_a_claim_takes_it() {
    let world = World::create().await;
    for clauses in [
        &["rate_limit"][..],
        &["scheduled"][..],
        &["rate_limit", "scheduled"][..],
    ] {
        let tenant = world
            .tenant()
            .another_project(&clauses.join("-").replace('_', "-"))
            .await;
        let run = job_behind(&tenant, clauses).await;
        let job = tenant.newest_job(run.id).await.id;
        let earliest = explain(&tenant, job).await.earliest_at.unwrap();
        assert!(tenant.claim("w", 1).await.is_empty());
        let now = mobius_store::clock::now(&mut *tenant.connection().await)
            .await
            .unwrap();
        let until = (earliest - now).to_std().unwrap();
        tenant
            .advance_clock(until.saturating_sub(Duration::from_secs(5)))
            .await;
        assert!(tenant.claim("w", 1).await.is_empty(), "{clauses:?}");
        tenant.advance_clock(Duration::from_secs(6)).await;
        assert_eq!(tenant.claim("w", 1).await.len(), 1, "{clauses:?}");
    }
}

#[tokio::test]
async fn who_holds_a_limit_and_what_goes_first_are_named() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = job_behind(tenant, &["concurrency_limit"]).await;
    let job = tenant.newest_job(run.id).await.id;
    let explained = explain(tenant, job).await;
    let limit = explained.limit.unwrap();
    assert_eq!((limit.max_concurrency, limit.held), (Some(1), 1));
    assert_eq!(limit.holders[0].worker_id.as_deref(), Some("holder"));
    let holder = explain(tenant, limit.holders[0].job_id).await;
    assert!(!holder.claimable);
    assert_eq!(holder.reasons[0].code, "claimed");

    for _ in 0..3 {
        tenant.start(RunDraft::in_queue("plain")).await;
    }
    let last = tenant.start(RunDraft::in_queue("plain")).await;
    let explained = explain(tenant, tenant.newest_job(last.id).await.id).await;
    assert!(explained.claimable);
    assert_eq!(explained.ahead, 3);
    assert!(explained.reasons.iter().any(|it| it.code == "jobs_ahead"));
    assert!(explained.reasons.iter().any(|it| it.code == "no_worker"));
    let mut connection = tenant.connection().await;
    let unknown = jobs::explain(&mut connection, tenant.project, JobId::generate()).await;
    assert!(unknown.unwrap().is_none());
}
