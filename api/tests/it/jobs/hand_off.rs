//! Jobs that parked claims take in the transaction that makes them.

use serde_json::json;

use crate::harness::{TestServer, echo_spec};

/// Often enough that a claim is parked, and looked for in vain, before a start reaches it.
const ROUNDS: usize = 20;

#[tokio::test]
async fn a_parked_claim_takes_a_job_in_the_transaction_that_makes_it() {
    let server = TestServer::start().await;
    for round in 0..ROUNDS {
        let worker = format!("w{round}");
        let poll = server.owner.park(&worker).await;
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
    assert!(server.tenant.count_handed_off().await > 0);
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
        let poll = server.owner.park(&worker).await;
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
    assert!(server.tenant.count_handed_off().await > 0);
}

#[tokio::test]
async fn a_start_that_fails_leaves_the_claim_waiting() {
    let server = TestServer::start().await;
    let poll = server.owner.park("w").await;
    let starts = async {
        for _ in 0..ROUNDS {
            let body = json!({"spec": echo_spec()});
            let refused = server.owner.post("/projects/default/runs", &body).await;
            refused.error(500, "internal");
        }
    };
    server.tenant.while_nothing_is_appended(starts).await;
    assert!(!poll.is_finished(), "answered with a job that is not there");
    let run = server.owner.start().await;
    let job = poll.await.unwrap().with_status(200);
    assert_eq!(job["run_id"], run["id"]);
}
