//! Limits: what they let through, in whatever order things happen.

use std::time::Duration;

use mobius_store::{
    jobs::{ClaimFilter, Settlement},
    limits::claim_in_order,
};
use mobius_test_support::factories::{Held, RunDraft, Tenant, World, one_step, spec};
use mobius_types::JobOptions;
use serde_json::json;

use crate::rows;

/// A run whose one job is limited by a key.
pub(crate) fn keyed(key: &str, max: i64) -> RunDraft {
    RunDraft {
        options: JobOptions {
            concurrency_key: Some(key.to_owned()),
            max_concurrency: Some(max),
            ..JobOptions::default()
        },
        ..RunDraft::default()
    }
}

fn prioritised(priority: i64, draft: RunDraft) -> RunDraft {
    let options = JobOptions {
        priority: Some(priority),
        ..draft.options
    };
    RunDraft { options, ..draft }
}

pub(crate) async fn end(tenant: &Tenant, held: &Held) {
    tenant.settle(held.completed(&json!(1))).await.unwrap();
}

#[tokio::test]
async fn no_more_jobs_of_a_key_are_held_than_it_may_have() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&keyed("k", 2), 5).await;
    let held = tenant.claim("w", 10).await;
    assert_eq!(held.len(), 2);
    assert!(tenant.claim("w", 10).await.is_empty());
    end(tenant, &held[0]).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
    assert!(tenant.claim("w", 10).await.is_empty());
}

#[tokio::test]
async fn a_full_key_hides_nothing_behind_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&keyed("full", 1), 50).await;
    tenant.start(keyed("free", 1)).await;
    let plain = tenant.start(RunDraft::default()).await;
    let held = tenant.claim("w", 10).await;
    assert_eq!(held.len(), 3, "one of each key, and the one without");
    assert!(held.iter().any(|held| held.job.run == plain.id));
}

#[tokio::test]
async fn whatever_ends_an_attempt_gives_its_room_back() {
    let world = World::create().await;
    let tenant = world.tenant();
    let retried = spec(json!({"name": "retried", "steps": [
        {"name": "only", "action": "echo", "retry": [{"max_retries": 3, "base_delay": "10s"}]}]}));
    let draft = RunDraft {
        spec: retried,
        ..keyed("k", 1)
    };
    tenant.start_many(&draft, 4).await;

    // A claim that its worker never heard of.
    let held = tenant.claim_one("w").await;
    let fence = held.fence.clone();
    tenant.store.release(tenant.project, fence).await.unwrap();
    // A failure, whose retry waits.
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("oops")).await.unwrap();
    let other = tenant.claim_one("w").await;
    assert_ne!(other.job.id, held.job.id);
    // A lost worker.
    tenant.advance_clock(Duration::from_secs(100)).await;
    tenant.settle(other.expired()).await.unwrap();
    // A run that is cancelled while a worker holds its job.
    let held = tenant.claim_one("w").await;
    let cancelled = tenant
        .store
        .cancel_run(tenant.project, held.job.run, "a test".to_owned());
    cancelled.await.unwrap();
    assert!(tenant.claim("w", 1).await.is_empty(), "it is still held");
    tenant.settle(held.failed("cancelled")).await.unwrap();
    for _ in 0..3 {
        let held = tenant.claim_one("w").await;
        assert!(tenant.claim("w", 10).await.is_empty());
        end(tenant, &held).await;
    }
    assert!(tenant.claim("w", 10).await.is_empty());
    let lanes: i64 = rows::value(
        tenant,
        "select count(*) from limit_lanes where project_id = $1",
    )
    .await;
    assert_eq!(lanes, 0, "nothing waits, and nothing is left to look at");
}

#[tokio::test]
async fn keys_are_any_text_and_never_those_of_workflows() {
    let world = World::create().await;
    let tenant = world.tenant();
    let saved = tenant
        .save_workflow(
            "limited",
            spec(json!({"name": "limited", "max_concurrency": 1,
        "steps": [{"name": "only", "action": "echo"}]})),
        )
        .await;
    let id = saved.id.to_string();
    tenant.start_many(&RunDraft::of_workflow(saved.id), 2).await;
    let keys = [
        "*",
        ":",
        "%",
        "a:b",
        "a",
        "ключ🗝",
        " ",
        "limited",
        id.as_str(),
    ];
    for key in keys {
        tenant.start_many(&keyed(key, 1), 2).await;
    }
    // Without a key, specs of one name share a limit that is none of these.
    let inline = RunDraft {
        spec: one_step(),
        ..keyed("", 1)
    };
    let options = JobOptions {
        concurrency_key: None,
        ..inline.options.clone()
    };
    tenant.start_many(&RunDraft { options, ..inline }, 2).await;
    assert_eq!(tenant.claim("w", 100).await.len(), keys.len() + 2);
}

#[tokio::test]
async fn a_key_is_made_of_what_the_run_starts_with() {
    let world = World::create().await;
    let tenant = world.tenant();
    let spec = spec(json!({"name": "keyed", "priority": 7, "max_concurrency": 1,
        "concurrency_key": "${run.metadata.team}/${inputs.n}/${run.external_id}",
        "steps": [{"name": "only", "action": "echo", "next": [{"step": "then"}]},
                  {"name": "then", "action": "echo"}]}));
    let draft = |n: i64| RunDraft {
        inputs: json!({"n": n}).as_object().unwrap().clone(),
        metadata: Some([("team".to_owned(), "red".to_owned())].into()),
        external_id: Some("x".to_owned()),
        ..RunDraft::of(spec.clone())
    };
    let first = tenant.start(draft(1)).await;
    assert_eq!(first.concurrency_key.as_deref(), Some("red/1/x"));
    tenant.start(draft(1)).await;
    tenant.start(draft(2)).await;
    let held = tenant.claim("w", 10).await;
    assert_eq!(held.len(), 2, "one of each key");
    // The next step has the same priority and counts for the same key.
    end(tenant, &held[0]).await;
    let next = tenant.claim_one("w").await;
    assert!(tenant.claim("w", 10).await.is_empty());
    let shown = tenant.newest_job(next.job.run).await;
    assert_eq!((shown.priority, shown.max_concurrency), (7, Some(1)));
    assert_eq!(shown.concurrency_key.as_deref(), Some("red/1/x"));
    let run = tenant.run(first.id).await.run;
    assert_eq!((run.priority, run.max_concurrency), (7, Some(1)));
    assert_eq!(run.concurrency_key.as_deref(), Some("red/1/x"));
}

#[tokio::test]
async fn the_newest_start_decides_what_a_key_lets_through() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&keyed("k", 1), 9).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
    tenant.start(keyed("k", 4)).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 3);
    // One that names the key alone leaves it as it is.
    let mut named = keyed("k", 1);
    named.options.max_concurrency = None;
    tenant.start(named).await;
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.start(keyed("k", 2)).await;
    assert!(tenant.claim("w", 10).await.is_empty(), "four are held");
}

#[tokio::test]
async fn a_higher_priority_goes_first_with_a_limit_and_without() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut expected = Vec::new();
    for (priority, draft) in [
        (0, RunDraft::default()),
        (50, keyed("a", 5)),
        (-100, keyed("a", 5)),
        (100, RunDraft::default()),
        (70, keyed("b", 5)),
        (60, RunDraft::default()),
    ] {
        let run = tenant.start(prioritised(priority, draft)).await;
        expected.push((-priority, run.id));
    }
    expected.sort();
    for (_, run) in expected {
        assert_eq!(tenant.claim_one("w").await.job.run, run);
    }
}

#[tokio::test]
async fn items_of_a_limited_run_count_and_have_its_priority() {
    let world = World::create().await;
    let tenant = world.tenant();
    let each = spec(
        json!({"name": "many", "max_concurrency": 3, "priority": 9, "steps": [
        {"name": "all", "action": "echo", "each": {"items": [1, 2, 3, 4, 5, 6, 7]}}]}),
    );
    let run = tenant.start(RunDraft::of(each)).await;
    let mut done = 0;
    while done < 7 {
        let held = tenant.claim("w", 10).await;
        assert!(!held.is_empty() && held.len() <= 3, "{}", held.len());
        for held in &held {
            end(tenant, held).await;
        }
        done += held.len();
    }
    assert_eq!(tenant.run(run.id).await.run.status.as_str(), "completed");
    let other: i64 = rows::value(
        tenant,
        "select count(*) from jobs where project_id = $1 and priority <> 9",
    )
    .await;
    assert_eq!(other, 0);
}

#[tokio::test]
async fn a_child_has_its_parents_priority_and_its_own_limit() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant
        .save_workflow(
            "child",
            spec(json!({"name": "child", "max_concurrency": 1, "priority": 3,
        "steps": [{"name": "only", "action": "echo"}]})),
        )
        .await;
    let parent = spec(
        json!({"name": "parent", "max_concurrency": 1, "priority": 42, "steps": [
        {"name": "call", "action": "mobius.run_workflow", "action_kind": "server", "parameters": {"workflow": "child"}}]}),
    );
    tenant.start_many(&RunDraft::of(parent), 2).await;
    tenant.catch_up().await;
    let held = tenant.claim("w", 10).await;
    assert_eq!(
        held.len(),
        1,
        "the parents hold nothing, and the children one"
    );
    assert_eq!(tenant.newest_job(held[0].job.run).await.priority, 42);
}

#[tokio::test]
async fn who_expects_no_limited_jobs_is_told_of_them_and_takes_what_is_left() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(keyed("k", 1)).await;
    tenant.start(RunDraft::default()).await;
    let any = ClaimFilter {
        queues: Vec::new(),
        actions: Vec::new(),
    };
    let slot = mobius_store::jobs::ClaimSlot {
        worker: "w".to_owned(),
        actor: tenant.user,
    };
    let slots = vec![slot; 3];
    let claimed = claim_in_order(&tenant.store, tenant.project, &any, &slots, false);
    let claimed = claimed.await.unwrap();
    assert!(claimed.limited);
    let slots: Vec<usize> = claimed.jobs.iter().map(|job| job.slot).collect();
    assert_eq!(slots, [0, 1]);
}

/// Claims and completes until nothing is left, and tells how many of a key were ever held at once.
async fn work(tenant: Tenant, name: String) -> i64 {
    let mut most = 0;
    let any = ClaimFilter {
        queues: Vec::new(),
        actions: Vec::new(),
    };
    loop {
        let claimed = tenant.claim_filtered(&name, 3, &any).await;
        let look_again = claimed.look_again;
        let held: i64 = rows::value(
            &tenant,
            "select coalesce(max(held), 0) from (
                 select count(*) as held from jobs
                 where project_id = $1 and status = 'claimed' group by limit_id) as keys",
        )
        .await;
        most = most.max(held);
        let mine = tenant.held(&name, claimed);
        if mine.is_empty() && !look_again {
            let left: i64 = rows::value(&tenant, "select count(*) from jobs where project_id = $1 and status in ('pending', 'claimed')").await;
            if left == 0 {
                return most;
            }
        }
        for held in &mine {
            let settlement: Settlement = held.completed(&json!(1));
            tenant.settle(settlement).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_claimers_never_hold_more_than_the_keys_may_have() {
    let world = World::create().await;
    for key in ["a", "b", "c", "d", "e"] {
        world.tenant().start_many(&keyed(key, 3), 400).await;
    }
    let replicas = [world.replica(), world.replica()];
    let workers = (0..16).map(|n| tokio::spawn(work(replicas[n % 2].clone(), format!("w{n}"))));
    let most = futures_util::future::try_join_all(workers).await.unwrap();
    assert_eq!(most.into_iter().max(), Some(3));
    // The same from the times of claims and ends: at each claim, how many of its key were held.
    let most: i64 = rows::value(
        world.tenant(),
        "select max(held) from (
             select count(*) as held
             from jobs one join jobs other
               on other.project_id = one.project_id and other.limit_id = one.limit_id
              and other.claimed_at <= one.claimed_at and other.completed_at > one.claimed_at
             where one.project_id = $1 group by one.id) as claims",
    )
    .await;
    assert!(most <= 3, "{most}");
}
