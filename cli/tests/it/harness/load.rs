//! Clients that start runs as fast as they are accepted, whatever happens to the server.

use std::{sync::Arc, time::Duration};

use mobius_types::{RunId, StartRunRequest};
use mobius_worker_sdk::{Client, ClientError};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::json_step;

/// Starters at work.
pub(crate) struct Load {
    stop: CancellationToken,
    acknowledged: watch::Receiver<Vec<RunId>>,
    starters: JoinSet<()>,
}

impl Load {
    /// One starter for each client.
    pub(crate) fn begin(clients: impl IntoIterator<Item = Client>) -> Load {
        let stop = CancellationToken::new();
        let (sender, acknowledged) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        let mut starters = JoinSet::new();
        for client in clients {
            starters.spawn(start_until(stop.clone(), client, Arc::clone(&sender)));
        }
        Load {
            stop,
            acknowledged,
            starters,
        }
    }

    /// Waits until so many more runs are acknowledged.
    pub(crate) async fn goes_on(&mut self, runs: usize) {
        let wanted = self.acknowledged.borrow().len() + runs;
        let reached = self.acknowledged.wait_for(|runs| runs.len() >= wanted);
        let reached = timeout(Duration::from_secs(30), reached).await;
        reached.expect("starts are acknowledged again").unwrap();
    }

    /// Ends the starters; returns the runs that were acknowledged.
    pub(crate) async fn end(mut self) -> Vec<RunId> {
        self.stop.cancel();
        while let Some(ended) = self.starters.join_next().await {
            ended.unwrap();
        }
        self.acknowledged.borrow().clone()
    }
}

async fn start_until(
    stop: CancellationToken,
    client: Client,
    acknowledged: Arc<watch::Sender<Vec<RunId>>>,
) {
    let request = StartRunRequest {
        spec: Some(json_step()),
        ..StartRunRequest::default()
    };
    while !stop.is_cancelled() {
        match client.start_run(&request).await {
            Ok(run) => acknowledged.send_modify(|runs| runs.push(run.id)),
            Err(error) => {
                assert!(is_outage(&error), "{error:?}");
                // sleeps: a client that was put off comes back a little later.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Whether the error says no more than that something is away. A 500 would be a bug.
fn is_outage(error: &ClientError) -> bool {
    match error {
        ClientError::Api { status, .. } => *status == 503,
        ClientError::Network(_) | ClientError::Timeout(_) => true,
        ClientError::Decode(_) | ClientError::NoProject => false,
    }
}
