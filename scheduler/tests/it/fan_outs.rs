//! Fan-outs and children that a replica left undone when it died.

use std::time::Duration;

use mobius_scheduler::tick_all;
use mobius_store::{Settings, fan_outs, runs::StartRun};
use mobius_test_support::{
    factories::{RunDraft, Tenant, World, spec, store_over},
    inspect::row_counts,
};
use mobius_types::{RunId, WorkflowRunStatus};
use serde_json::json;

/// More items than the transaction makes that starts the run.
const ITEMS: usize = 3_000;

/// Starts a run on a replica that dies with the answer.
async fn start_and_die(world: &World, start: StartRun) -> RunId {
    let (url, project) = (world.url().to_owned(), world.tenant().project);
    let replica = std::thread::spawn(move || {
        // On one thread nothing of it goes on once the answer is there, however slow the machine.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let run = runtime.block_on(async {
            let store = store_over(&url, Settings::default());
            store.start_run(project, start).await.unwrap().id
        });
        drop(runtime);
        run
    });
    tokio::task::spawn_blocking(|| replica.join().unwrap())
        .await
        .unwrap()
}

/// Ticks until there is nothing to do, each time late enough for what another replica began.
async fn tick_to_the_end(tenant: &Tenant) {
    loop {
        tenant.advance_clock(Duration::from_secs(6)).await;
        if tick_all(&tenant.store).await.unwrap().done == 0 {
            return;
        }
    }
}

#[tokio::test]
async fn a_fan_out_goes_on_after_its_replica_died() {
    let world = World::create().await;
    let tenant = world.tenant();
    let items: Vec<usize> = (0..ITEMS).collect();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "map", "action": "work", "each": {"items": items}}],
    })));
    let start = draft.prepare(tenant).await;
    let run = start_and_die(&world, start).await;
    tenant.advance_clock(Duration::from_secs(6)).await;
    let left = fan_outs::due(&mut *tenant.connection().await, &[], 10)
        .await
        .unwrap();
    assert_eq!(left.len(), 1, "the replica died in between");
    // A replica goes on with a chunk by itself, which may be under way when no tick finds any.
    let mut held = Vec::new();
    let claimed = async {
        while held.len() < ITEMS {
            tick_to_the_end(tenant).await;
            held.extend(tenant.claim("w", 2 * ITEMS).await);
        }
    };
    let claimed = tokio::time::timeout(Duration::from_secs(60), claimed).await;
    assert!(claimed.is_ok(), "only {} items were made", held.len());
    assert_eq!(held.len(), ITEMS);
    let settled = held
        .iter()
        .map(|held| tenant.settle(held.completed(&json!(1))));
    futures_util::future::try_join_all(settled).await.unwrap();
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn a_child_is_started_and_its_parent_ends_although_each_replica_died() {
    let world = World::create().await;
    let tenant = world.tenant();
    let nothing = spec(json!({
        "name": "nothing",
        "steps": [{"name": "none", "action": "none", "each": {"items": []}}],
    }));
    tenant.save_workflow("nothing", nothing).await;
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "call", "action": "mobius.run_workflow", "action_kind": "server",
                   "parameters": {"workflow": "nothing"}}],
    })));
    let start = draft.prepare(tenant).await;
    let run = start_and_die(&world, start).await;
    tick_to_the_end(tenant).await;
    assert_eq!(tenant.status(run).await, WorkflowRunStatus::Completed);
}

#[tokio::test]
async fn two_schedulers_make_each_item_and_each_child_once() {
    let world = World::create().await;
    let (tenant, replica) = (world.tenant(), world.replica());
    let nothing = spec(json!({
        "name": "nothing",
        "steps": [{"name": "none", "action": "none", "each": {"items": []}}],
    }));
    tenant.save_workflow("nothing", nothing).await;
    let items: Vec<usize> = (0..700).collect();
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "call", "action": "mobius.run_workflow", "action_kind": "server",
                   "parameters": {"workflow": "nothing"}, "each": {"items": items}}],
    })));
    let run = tenant.start(draft).await;
    while tenant.status(run.id).await != WorkflowRunStatus::Completed {
        tenant.advance_clock(Duration::from_secs(6)).await;
        let (one, other) = tokio::join!(tick_all(&tenant.store), tick_all(&replica.store));
        one.unwrap();
        other.unwrap();
    }
    let rows = row_counts(&mut *tenant.connection().await).await;
    assert_eq!((rows["jobs"], rows["runs"]), (701, 701));
}
