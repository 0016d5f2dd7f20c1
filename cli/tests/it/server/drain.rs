//! The end of a server that was asked to stop.

use std::time::Duration;

use mobius_test_support::TestDatabase;
use mobius_types::JobClaimRequest;
use rustix::process::Signal;

use crate::harness::{Deployment, parked};

#[tokio::test]
async fn a_parked_claim_is_answered_and_the_server_ends() {
    let database = TestDatabase::create().await;
    let mut server = Deployment::over(database.url()).await.server(&[]).await;
    let client = server.client();
    let poller = client.clone();
    let poll = tokio::spawn(async move {
        let request = JobClaimRequest {
            worker_id: "parked".to_owned(),
            wait_seconds: Some(30),
            ..JobClaimRequest::default()
        };
        poller.claim_job(&request).await
    });
    parked(&client, "parked").await;
    server.process.signal(Signal::TERM);
    let soon = Duration::from_secs(10);
    server.process.ended_within(soon).await.succeeded();
    assert!(poll.await.unwrap().unwrap().is_none(), "204 and no error");
}
