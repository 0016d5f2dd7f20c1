//! The example `approval` against `mobius dev`.

use mobius_worker_sdk::Worker;
use tokio::sync::oneshot;

use crate::harness::{Credentials, Dev, Directory};

#[tokio::test]
async fn one_payment_is_released_one_refused_and_one_forgotten() {
    let directory = Directory::create();
    let _dev = Dev::up(directory.path()).await;
    let client = Credentials::read(directory.path()).client();
    let worker = approval::register(Worker::new(client.clone()));
    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker.run_until(async {
        let _ = stopped.await;
    }));
    let outcomes = approval::play(&client).await.unwrap();
    stop.send(()).unwrap();
    working.await.unwrap().unwrap();
    let outcomes: Vec<_> = outcomes.iter().map(|o| o.outcome.as_str()).collect();
    assert_eq!(outcomes, ["paid", "refused", "expired"]);
}
