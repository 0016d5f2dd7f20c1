//! Who waits for a job is told at once, also when it is a fan-out or a child that made it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mobius_store::Ring;
use mobius_test_support::factories::{Tenant, World};
use serde_json::json;

use crate::scenes::workflow;

/// Counts the rings that say that the project has jobs.
fn count_rings(tenant: &Tenant) -> Arc<AtomicUsize> {
    let (rings, project) = (Arc::new(AtomicUsize::new(0)), tenant.project);
    let counted = Arc::clone(&rings);
    tenant.store.doorbell().on_ring(move |ring| {
        if matches!(ring, Ring::Project(of, _) if of == project) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    rings
}

#[tokio::test]
async fn the_end_of_the_last_item_rings_for_the_next_step() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant
        .start(workflow(json!([
            {"name": "map", "action": "work", "each": {"items": [1]}, "next": [{"step": "after"}]},
            {"name": "after", "action": "after"},
        ])))
        .await;
    let held = tenant.claim_one("w").await;
    let rings = count_rings(tenant);
    tenant.settle(held.completed(&json!(1))).await.unwrap();
    assert!(rings.load(Ordering::Relaxed) > 0);
    assert_eq!(tenant.claim_one("w").await.job.action, "after");
}

#[tokio::test]
async fn the_failure_of_an_item_rings_for_the_step_that_catches_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant
        .start(workflow(json!([
            {"name": "map", "action": "work", "each": {"items": [1]},
             "catch": [{"error_equals": ["all"], "next": "caught"}]},
            {"name": "caught", "action": "caught"},
        ])))
        .await;
    let held = tenant.claim_one("w").await;
    let rings = count_rings(tenant);
    tenant.settle(held.failed("broken")).await.unwrap();
    assert!(rings.load(Ordering::Relaxed) > 0);
    assert_eq!(tenant.claim_one("w").await.job.action, "caught");
}
