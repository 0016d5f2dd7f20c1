//! Jobs that parked claims take in the transaction that makes them.

use mobius_test_support::factories::Tenant;
use serde_json::json;
use sqlx::AssertSqlSafe;
use tokio::task::JoinHandle;

use crate::harness::{Answer, Replica, TestServer};

/// Often enough that a claim is parked, and looked for in vain, before a start reaches it.
const ROUNDS: usize = 20;

/// A claim that waits for longer than the test takes.
async fn park(server: &Replica, worker: &str) -> JoinHandle<Answer> {
    let (caller, worker) = (server.owner.clone(), worker.to_owned());
    let name = worker.clone();
    let poll = tokio::spawn(async move { caller.poll(&name, 30).await });
    server.owner.await_parked(&[worker]).await;
    poll
}

/// How many jobs were never pending: claimed at the very time at which they were made.
async fn handed_off(tenant: &Tenant) -> i64 {
    sqlx::query_scalar(
        "select count(*) from jobs where project_id = $1 and claimed_at = created_at
           and attempt = 1 and lease_expires_at > claimed_at and heartbeat_at = claimed_at",
    )
    .bind(tenant.project.as_uuid())
    .fetch_one(&mut *tenant.connection().await)
    .await
    .unwrap()
}

async fn execute(tenant: &Tenant, statement: &'static str) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut *tenant.connection().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_parked_claim_takes_a_job_in_the_transaction_that_makes_it() {
    let server = TestServer::start().await;
    for round in 0..ROUNDS {
        let worker = format!("w{round}");
        let poll = park(&server, &worker).await;
        let run = server.owner.start().await;
        let job = poll.await.unwrap().with_status(200);
        assert_eq!(job["run_id"], run["id"]);
        assert_eq!(job["attempt"], 1);
        assert_eq!(server.owner.run(&run).await["status"], "running");
        let again = server.owner.claim("another").await;
        assert!(again.is_null(), "handed out twice: {again}");
        server.owner.complete(&job, &worker).await.with_status(204);
        assert_eq!(server.owner.run(&run).await["status"], "completed");
    }
    assert!(handed_off(&server.tenant).await > 0);
}

#[tokio::test]
async fn the_next_step_goes_to_a_claim_that_waits() {
    let server = TestServer::start().await;
    let spec = json!({"name": "two", "steps": [
        {"name": "one", "action": "echo", "next": [{"step": "two"}]},
        {"name": "two", "action": "echo"},
    ]});
    for round in 0..ROUNDS {
        server.owner.start_of(&spec).await;
        let first = server.owner.poll("first", 10).await.with_status(200);
        let worker = format!("w{round}");
        let poll = park(&server, &worker).await;
        server
            .owner
            .complete(&first, "first")
            .await
            .with_status(204);
        let second = poll.await.unwrap().with_status(200);
        assert_eq!(second["step_name"], "two");
        server
            .owner
            .complete(&second, &worker)
            .await
            .with_status(204);
    }
    assert!(handed_off(&server.tenant).await > 0);
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_claim_waiting() {
    let server = TestServer::start().await;
    let poll = park(&server, "w").await;
    execute(
        &server.tenant,
        "alter table project_counters add constraint broken check (event_seq < 0) not valid",
    )
    .await;
    for _ in 0..ROUNDS {
        let body = json!({"spec": crate::harness::echo_spec()});
        let refused = server.owner.post("/projects/default/runs", &body).await;
        refused.error(500, "internal");
    }
    assert!(!poll.is_finished(), "answered with a job that is not there");
    execute(
        &server.tenant,
        "alter table project_counters drop constraint broken",
    )
    .await;
    let run = server.owner.start().await;
    let job = poll.await.unwrap().with_status(200);
    assert_eq!(job["run_id"], run["id"]);
}
