//! Claiming: what is handed out, to whom, and in which order.

use std::time::Duration;

use mobius_store::jobs::ClaimFilter;
use mobius_test_support::factories::{RunDraft, World, one_step, spec, two_steps};
use mobius_types::WorkflowRunStatus;
use serde_json::json;

use crate::{history, rows};

fn filter(queues: &[&str], actions: &[&str]) -> ClaimFilter {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    ClaimFilter {
        queues: owned(queues),
        actions: owned(actions),
    }
}

#[tokio::test]
async fn a_worker_is_told_all_it_needs() {
    let world = World::create().await;
    let tenant = world.tenant();
    let draft = RunDraft::of(spec(json!({
        "name": "mailing",
        "inputs": [{"name": "to", "type": "string"}],
        "steps": [{"name": "send", "action": "mail", "parameters": {"to": "${inputs.to}"},
                   "retry": [{"timeout": "5m"}]}],
    })));
    let inputs = json!({"to": "ann"}).as_object().unwrap().clone();
    let run = tenant.start(RunDraft { inputs, ..draft }).await;

    let held = tenant.claim_one("w").await;
    assert_eq!(held.job.run, run.id);
    assert_eq!(held.job.workflow_handle, "mailing");
    assert_eq!(held.job.step_name, "send");
    assert_eq!(held.job.action, "mail");
    assert_eq!(held.job.queue, "default");
    assert_eq!(held.job.parameters["to"], "ann");
    assert_eq!(held.job.attempt, 1);
    assert_eq!(held.job.timeout, Some(Duration::from_secs(300)));

    let job = tenant.newest_job(run.id).await;
    assert_eq!(job.claimed_by.as_deref(), Some("w"));
    assert_eq!(job.claimed_at, job.heartbeat_at);
    history::assert_dense(tenant).await;
}

#[tokio::test]
async fn the_first_claim_sets_the_run_running_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(two_steps())).await;
    assert_eq!(run.status, WorkflowRunStatus::Queued);

    let first = tenant.claim_one("w").await;
    let running = tenant.run(run.id).await.run;
    assert_eq!(running.status, WorkflowRunStatus::Running);
    let started_at = running.started_at.unwrap();

    tenant.settle(first.completed(&json!(1))).await.unwrap();
    tenant.advance_clock(Duration::from_secs(10)).await;
    tenant.claim_one("w").await;
    assert_eq!(tenant.run(run.id).await.run.started_at, Some(started_at));
    // Queued and running.
    assert_eq!(history::count_frames(tenant, "run_updated").await, 2);
}

#[tokio::test]
async fn jobs_come_by_priority_then_time_then_id() {
    let world = World::create().await;
    let tenant = world.tenant();
    for queue in ["e", "d", "c", "b", "a"] {
        tenant.start(RunDraft::in_queue(queue)).await;
    }
    // `d` and `e` differ in their id alone, and `e` was made first.
    let changed = rows::change(
        tenant,
        "update jobs
         set priority = case queue when 'a' then 5 when 'b' then 5 else 0 end,
             scheduled_at = mobius_now() - case queue when 'a' then interval '3 s'
                 when 'b' then interval '2 s' when 'c' then interval '9 s' else interval '1 h' end
         where project_id = $1 and queue in ('a', 'b', 'c')",
    )
    .await;
    assert_eq!(changed, 3);
    rows::change(
        tenant,
        "update jobs set scheduled_at = '2020-01-01' where project_id = $1 and queue in ('d', 'e')",
    )
    .await;

    let held = tenant.claim("w", 5).await;
    let at_once: Vec<_> = held.iter().map(|held| held.job.queue.as_str()).collect();
    assert_eq!(at_once, ["a", "b", "e", "d", "c"]);

    for held in held {
        let fence = held.fence;
        tenant.store.release(tenant.project, fence).await.unwrap();
    }
    let mut one_by_one = Vec::new();
    for _ in 0..5 {
        one_by_one.push(tenant.claim_one("w").await.job.queue);
    }
    assert_eq!(one_by_one, ["a", "b", "e", "d", "c"]);
}

#[tokio::test]
async fn a_filter_lets_only_its_queues_and_actions_through() {
    let world = World::create().await;
    let tenant = world.tenant();
    for action in ["mail", "fetch"] {
        for queue in ["fast", "slow"] {
            let step = json!({"name": "w", "steps": [{"name": "only", "action": action}]});
            let draft = RunDraft::of(spec(step));
            let queue = queue.to_owned();
            tenant.start(RunDraft { queue, ..draft }).await;
        }
    }
    for (filter, expected) in [
        (filter(&["nowhere"], &[]), &[][..]),
        (filter(&[], &["nothing"]), &[]),
        (filter(&["fast"], &["mail"]), &["fast/mail"]),
        (
            filter(&["fast", "slow"], &["mail"]),
            &["fast/mail", "slow/mail"],
        ),
        (filter(&["slow"], &[]), &["slow/fetch", "slow/mail"]),
        (filter(&[], &["fetch"]), &["fast/fetch", "slow/fetch"]),
        (
            filter(&[], &[]),
            &["fast/fetch", "fast/mail", "slow/fetch", "slow/mail"],
        ),
    ] {
        let claimed = tenant.claim_filtered("w", 10, &filter).await;
        assert!(!claimed.look_again);
        let held = tenant.held("w", claimed);
        let mut got: Vec<_> = held
            .iter()
            .map(|held| format!("{}/{}", held.job.queue, held.job.action))
            .collect();
        got.sort();
        assert_eq!(got, expected, "{filter:?}");
        for held in held {
            let released = tenant.store.release(tenant.project, held.fence).await;
            released.unwrap();
        }
    }
}

#[tokio::test]
async fn a_name_is_only_itself_and_no_pattern() {
    let world = World::create().await;
    let tenant = world.tenant();
    let long = "x".repeat(200);
    let names = [
        "*",
        "%",
        "_",
        "a%",
        "a_b",
        "axb",
        "Ä🦀 \"'\\",
        "default",
        &long,
    ];
    for name in names {
        let step = json!({"name": "w", "steps": [{"name": "only", "action": name}]});
        let draft = RunDraft::of(spec(step));
        let queue = name.to_owned();
        tenant.start(RunDraft { queue, ..draft }).await;
    }
    for name in names {
        let by_queue = tenant.claim_filtered("w", 10, &filter(&[name], &[])).await;
        let held = tenant.held("w", by_queue);
        assert_eq!(held.len(), 1, "{name}");
        assert_eq!(held[0].job.queue, name);
        let fence = held[0].fence.clone();
        tenant.store.release(tenant.project, fence).await.unwrap();

        let by_action = tenant.claim_filtered("w", 10, &filter(&[], &[name])).await;
        assert_eq!(by_action.jobs.len(), 1, "{name}");
        assert_eq!(by_action.jobs[0].action, name);
    }
}

#[tokio::test]
async fn ten_thousand_jobs_that_nobody_here_can_run_hide_no_other() {
    let world = World::create().await;
    let tenant = world.tenant();
    rows::start_copies(tenant, RunDraft::in_queue("foreign"), 10_000).await;
    let draft = RunDraft::of(spec(json!({
        "name": "w", "steps": [{"name": "only", "action": "rare"}],
    })));
    tenant.start(draft).await;

    for filter in [filter(&["default"], &[]), filter(&[], &["rare"])] {
        let claimed = tenant.claim_filtered("w", 10, &filter).await;
        let held = tenant.held("w", claimed);
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].job.action, "rare");
        let fence = held[0].fence.clone();
        tenant.store.release(tenant.project, fence).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_is_not_handed_out_before_its_time() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    rows::change(
        tenant,
        "update jobs set scheduled_at = scheduled_at + interval '1 hour' where project_id = $1",
    )
    .await;
    let projects = vec![tenant.project];

    tenant.advance_clock(Duration::from_secs(59 * 60)).await;
    assert!(tenant.claim("w", 1).await.is_empty());
    let found = tenant.store.with_claimable_jobs(projects.clone()).await;
    assert_eq!(found.unwrap(), []);

    tenant.advance_clock(Duration::from_secs(60)).await;
    let found = tenant.store.with_claimable_jobs(projects.clone()).await;
    assert_eq!(found.unwrap(), projects);
    assert_eq!(tenant.claim("w", 1).await.len(), 1);
    let found = tenant.store.with_claimable_jobs(projects.clone()).await;
    assert_eq!(found.unwrap(), []);
}

#[tokio::test]
async fn a_claim_does_not_reach_into_another_project() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    tenant.start(RunDraft::of(one_step())).await;
    assert!(other.claim("w", 10).await.is_empty());
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
}

#[tokio::test]
async fn a_claim_passes_over_a_run_that_is_held_and_waits_for_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    let held_run = tenant.start(RunDraft::in_queue("held")).await;
    tenant.start(RunDraft::in_queue("free")).await;

    let mut other = world.replica().connection().await;
    sqlx::raw_sql("begin").execute(&mut *other).await.unwrap();
    sqlx::query("select from runs where project_id = $1 and id = $2 for update")
        .bind(tenant.project.as_uuid())
        .bind(held_run.id.as_uuid())
        .execute(&mut *other)
        .await
        .unwrap();

    // If it waited, it would wait for us, and for ever.
    let any = filter(&[], &[]);
    let claim = tenant.claim_filtered("w", 10, &any);
    let claimed = tokio::time::timeout(Duration::from_secs(5), claim).await;
    let claimed = claimed.expect("a claim waits for nothing");
    assert!(claimed.look_again);
    let queues: Vec<_> = claimed.jobs.iter().map(|job| &job.queue).collect();
    assert_eq!(queues, ["free"]);

    // The counter comes last for the holder of the run, too: no deadlock.
    sqlx::query("update project_counters set event_seq = event_seq where project_id = $1")
        .bind(tenant.project.as_uuid())
        .execute(&mut *other)
        .await
        .unwrap();
    sqlx::raw_sql("rollback")
        .execute(&mut *other)
        .await
        .unwrap();

    let claimed = tenant.claim_filtered("w", 10, &any).await;
    assert!(!claimed.look_again);
    assert_eq!(claimed.jobs.len(), 1);
    assert_eq!(claimed.jobs[0].run, held_run.id);
}
