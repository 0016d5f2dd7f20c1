//! What the history tells of fan-outs.

use mobius_test_support::factories::{Tenant, World};
use mobius_types::RunId;
use serde_json::{Value, json};

use crate::{fan_outs::each, rows};

/// The frames of the run, in order.
async fn frames(tenant: &Tenant, run: RunId) -> Vec<Value> {
    rows::of_run(
        tenant,
        run,
        "select array(select frame from run_events e,
                      jsonb_array_elements(e.frames::jsonb) with ordinality as f (frame, place)
                      where e.project_id = $1 and e.run_id = $2 order by e.last_seq, place)",
    )
    .await
}

/// The statuses that the history tells of a job.
fn statuses<'f>(frames: &'f [Value], job: &Value) -> Vec<&'f str> {
    let told = frames.iter().filter(|frame| frame["type"] == "job_updated");
    told.map(|frame| &frame["data"])
        .filter(|data| data["job_id"] == *job)
        .filter_map(|data| data["status"].as_str())
        .collect()
}

#[tokio::test]
async fn the_history_of_a_fan_out_tells_of_every_change_and_ends_with_the_run() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(each(json!([1, 2, 3]), json!({}))).await.id;
    let [first, _] = tenant.claim("w", 2).await.try_into().unwrap();
    tenant.settle(first.failed("broken")).await.unwrap();
    let jobs = tenant.run(run).await.jobs;
    let (parent, held, waiting) = (json!(jobs[0].id), json!(jobs[2].id), json!(jobs[3].id));
    let told = frames(tenant, run).await;
    let last = told.last().unwrap();
    assert_eq!(last["type"], "run_updated", "{last}");
    assert_eq!(last["data"]["status"], "failed");
    assert_eq!(statuses(&told, &parent), ["waiting", "failed"]);
    assert_eq!(statuses(&told, &held), ["pending", "claimed", "claimed"]);
    assert_eq!(statuses(&told, &waiting), ["pending", "failed"]);
    let stopped: Vec<&Value> = told
        .iter()
        .map(|frame| &frame["data"])
        .filter(|data| data["cancel_requested"] == true)
        .collect();
    assert_eq!(stopped.len(), 2, "{stopped:?}");
    for data in stopped {
        assert_eq!(data["parent_job_id"], parent);
        assert!(data["item_index"].is_i64(), "{data}");
    }

    tenant.retry(run).await.unwrap();
    tenant.catch_up().await;
    let told = frames(tenant, run).await;
    assert_eq!(statuses(&told, &parent), ["waiting", "failed", "waiting"]);
    assert_eq!(
        statuses(&told, &waiting),
        ["pending", "failed", "waiting", "pending"]
    );
}
