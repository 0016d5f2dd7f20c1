//! Lets futures start at the same moment, on several threads and connections.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use mobius_store::{Error, jobs::Settlement};
use mobius_test_support::factories::World;
use mobius_types::RunId;
use tokio::{sync::Barrier, task::JoinHandle};

/// How often a race is run. Each of them is short, and none has to go one way or the other.
pub(crate) const ROUNDS: usize = 200;

/// Runs two futures at once. `swap` says which of them is spawned first, so that over many rounds
/// neither has the better start.
pub(crate) async fn both<A, B>(
    swap: bool,
    one: impl Future<Output = A> + Send + 'static,
    other: impl Future<Output = B> + Send + 'static,
) -> (A, B)
where
    A: Send + 'static,
    B: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(2));
    let (one, other) = if swap {
        let other = after(&barrier, other);
        (after(&barrier, one), other)
    } else {
        (after(&barrier, one), after(&barrier, other))
    };
    (one.await.unwrap(), other.await.unwrap())
}

fn after<T: Send + 'static>(
    barrier: &Arc<Barrier>,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let barrier = Arc::clone(barrier);
    tokio::spawn(async move {
        barrier.wait().await;
        work.await
    })
}

/// Runs any number of futures at once. `turn` says which of them is spawned first.
pub(crate) async fn all<T: Send + 'static>(
    turn: usize,
    mut futures: Vec<BoxFuture<'static, T>>,
) -> Vec<T> {
    let count = futures.len();
    futures.rotate_left(turn % count);
    let barrier = Arc::new(Barrier::new(count));
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| after(&barrier, future))
        .collect();
    let mut outcomes = Vec::with_capacity(count);
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    // Back in the order in which they were given.
    outcomes.rotate_right(turn % count);
    outcomes
}

/// Reports the end of an attempt at one replica while the other one cancels a run, a pair after
/// the other. Every report counts; returns how the cancellations ended.
pub(crate) async fn reports_against_cancellations(
    world: &World,
    pairs: impl IntoIterator<Item = (Settlement, RunId)>,
) -> Vec<Result<(), Error>> {
    let (tenant, replica) = (world.tenant().clone(), world.replica());
    let mut ended = Vec::new();
    for (round, (report, run)) in pairs.into_iter().enumerate() {
        let (one, other) = (tenant.clone(), replica.clone());
        let (settled, cancelled) = both(
            round % 2 == 0,
            async move { one.settle(report).await },
            async move { other.cancel(run).await },
        )
        .await;
        settled.unwrap();
        ended.push(cancelled);
    }
    ended
}
