//! Explaining a job: what it says, and that it says what a claim does.

use std::time::Duration;

use mobius_store::{jobs, pauses};
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{
    JobExplanation, JobId, JobOptions, PauseKind, RateLimit, WorkflowRun, WorkflowRunStatus,
};
use serde_json::json;

use crate::{rows, scenes::work_then_wait};

/// What can stand in the way of a waiting job, and what only does together with another one ahead:
/// limits that let one job through.
const CLAUSES: [&str; 8] = [
    "scheduled",
    "queue_paused",
    "action_paused",
    "concurrency_limit",
    "rate_limit",
    "room_for_one",
    "token_for_one",
    "other_ahead",
];

/// Whether there is such a job: a key has one limit of each kind, and what holds one spends a token.
fn is_possible(clauses: &[&str]) -> bool {
    let has = |clause: &str| clauses.contains(&clause);
    !(has("concurrency_limit") && (has("room_for_one") || has("token_for_one"))
        || has("rate_limit") && has("token_for_one"))
}

/// The codes of what bars the job. The other one stands in another queue, so it is in the way only
/// where both share a limit, and while its action is not paused.
fn barring(clauses: &[&'static str]) -> Vec<&'static str> {
    let has = |clause: &str| clauses.contains(&clause);
    let is_behind = has("other_ahead") && !has("action_paused");
    let codes = clauses.iter().filter_map(|clause| match *clause {
        "room_for_one" => is_behind.then_some("concurrency_limit"),
        "token_for_one" => is_behind.then_some("rate_limit"),
        "other_ahead" => None,
        code => Some(code),
    });
    codes.collect()
}

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

fn codes(explained: &JobExplanation) -> Vec<&str> {
    let reasons = explained.reasons.iter();
    reasons.map(|reason| reason.code.as_str()).collect()
}

/// A job whose key lets one through an hour, or has one held, or both.
fn limited(concurrency: bool, rate: bool) -> RunDraft {
    let options = JobOptions {
        concurrency_key: (concurrency || rate).then(|| "k".to_owned()),
        max_concurrency: concurrency.then_some(1),
        rate_limit: rate.then_some(RateLimit {
            limit: 1,
            per_seconds: 3_600,
        }),
        ..JobOptions::default()
    };
    RunDraft {
        options,
        ..RunDraft::default()
    }
}

/// A waiting job with all of that in its way.
async fn job_behind(tenant: &Tenant, clauses: &[&str]) -> WorkflowRun {
    let has = |clause: &str| clauses.contains(&clause);
    let draft = limited(
        has("concurrency_limit") || has("room_for_one"),
        has("rate_limit") || has("token_for_one"),
    );
    if has("concurrency_limit") || has("rate_limit") {
        tenant.start(draft.clone()).await;
        let first = tenant.claim_one("holder").await;
        if !has("concurrency_limit") {
            tenant.settle(first.completed(&json!(1))).await.unwrap();
        }
    }
    if has("other_ahead") {
        let options = draft.options.clone();
        let other = RunDraft {
            options,
            ..RunDraft::in_queue("other")
        };
        tenant.start(other).await;
    }
    let run = tenant.start(draft).await;
    if has("scheduled") {
        let later = "update jobs set scheduled_at = mobius_now() + interval '1 minute'
                     where project_id = $1 and status = 'pending' and queue = 'default'";
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
        if !is_possible(&clauses) {
            continue;
        }
        let tenant = world.tenant().another_project(&format!("p{chosen}")).await;
        let run = job_behind(&tenant, &clauses).await;
        let job = tenant.newest_job(run.id).await.id;
        let explained = explain(&tenant, job).await;
        let claimed = tenant.claim("w", 10).await;
        let told = format!("{clauses:?}: {explained:?}");
        let is_claimed = claimed.iter().any(|held| held.job.id == job);
        assert_eq!(explained.claimable, is_claimed, "{told}");
        let barring = barring(&clauses);
        assert_eq!(explained.claimable, barring.is_empty(), "{told}");
        let codes = codes(&explained);
        for clause in &CLAUSES[..5] {
            assert_eq!(codes.contains(clause), barring.contains(clause), "{told}");
        }
        let is_known = !barring
            .iter()
            .any(|it| it.ends_with("paused") || it.starts_with("conc"));
        assert_eq!(explained.earliest_at.is_some(), is_known, "{told}");
    }
}

#[tokio::test]
async fn of_many_that_a_limit_lets_through_one_by_one_only_the_first_is_claimable() {
    let world = World::create().await;
    let tenant = world.tenant();
    let runs = tenant.start_many(&limited(true, false), 3).await;
    let mut claimable = Vec::new();
    for run in &runs {
        let explained = explain(tenant, tenant.newest_job(run.id).await.id).await;
        claimable.push((explained.ahead, explained.claimable));
    }
    claimable.sort_unstable();
    assert_eq!(claimable, [(0, true), (1, false), (2, false)]);
}

#[tokio::test]
async fn the_earliest_time_leaves_those_ahead_their_tokens() {
    let world = World::create().await;
    let tenant = world.tenant();
    for _ in 0..2 {
        tenant.start(limited(false, true)).await;
    }
    let last = tenant.start(limited(false, true)).await;
    let job = tenant.newest_job(last.id).await.id;
    for ahead in (0..3_i64).rev() {
        let explained = explain(tenant, job).await;
        let now = mobius_store::clock::now(&mut *tenant.connection().await).await;
        let wait = explained.earliest_at.unwrap() - now.unwrap();
        let expected = 3_600 * ahead;
        assert!(
            (expected - 5..=expected).contains(&wait.num_seconds()),
            "{explained:?}"
        );
        assert_eq!(explained.claimable, ahead == 0);
        let held = tenant.claim("w", 10).await;
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].job.id == job, ahead == 0);
        tenant.advance_clock(Duration::from_secs(3_600)).await;
    }
}

#[tokio::test]
async fn a_job_that_does_not_wait_is_told_nothing_of_its_lane_and_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(work_then_wait()).await;
    let held = tenant.claim_one("w").await;
    pause(tenant, PauseKind::Action, "work").await;
    assert_eq!(codes(&explain(tenant, held.job.id).await), ["claimed"]);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert_eq!(tenant.status(run.id).await, WorkflowRunStatus::Suspended);
    assert_eq!(codes(&explain(tenant, held.job.id).await), ["ended"]);
    tenant.cancel(run.id).await.unwrap();
    let explained = explain(tenant, held.job.id).await;
    assert_eq!(codes(&explained)[..2], ["ended", "run_ended"]);
}

#[tokio::test]
async fn no_more_jobs_ahead_are_counted_than_a_thousand() {
    let world = World::create().await;
    let tenant = world.tenant();
    rows::start_copies(tenant, RunDraft::default(), 1_200).await;
    let last = tenant.start(RunDraft::default()).await;
    let explained = explain(tenant, tenant.newest_job(last.id).await.id).await;
    assert_eq!(explained.ahead, 1_000);
    assert!(
        explained.reasons[0]
            .message
            .starts_with("1000 or more jobs")
    );
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

#[tokio::test]
async fn only_a_job_that_somebody_holds_is_being_cancelled() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    tenant.cancel(run.id).await.unwrap();
    let explained = explain(tenant, held.job.id).await;
    assert_eq!(codes(&explained), ["claimed", "cancelling"]);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    let explained = explain(tenant, held.job.id).await;
    assert!(!codes(&explained).contains(&"cancelling"), "{explained:?}");
}
