//! Many workers and many jobs: each job goes to one worker, and none is forgotten.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use mobius_test_support::TestDatabase;
use mobius_types::{JobId, JsonObject, StartRunRequest, WorkflowSpec};
use mobius_worker_sdk::{ActionError, Client, Context, Worker};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::{Deployment, History};

const WORKERS: usize = 64;
const RUNS: usize = 1_000;
/// The first step, and the branches that it starts.
const JOBS_PER_RUN: usize = 10;

/// The attempts that were handed out.
type Handed = Arc<Mutex<Vec<(JobId, i32)>>>;

async fn note(ctx: Context, _: JsonObject) -> Result<Value, ActionError> {
    let handed = ctx.state::<Handed>();
    handed.lock().unwrap().push((ctx.job_id(), ctx.attempt()));
    Ok(Value::Null)
}

/// A step that starts as many branches of one step as it takes.
fn wide() -> WorkflowSpec {
    let names: Vec<String> = (1..JOBS_PER_RUN).map(|n| format!("part-{n}")).collect();
    let edges = names
        .iter()
        .map(|name| json!({"step": name, "branch": name}));
    let mut steps =
        vec![json!({"name": "begin", "action": "note", "next": edges.collect::<Vec<_>>()})];
    steps.extend(
        names
            .iter()
            .map(|name| json!({"name": name, "action": "note"})),
    );
    serde_json::from_value(json!({"name": "wide", "steps": steps})).unwrap()
}

async fn start_all(client: &Client) {
    let request = StartRunRequest {
        spec: Some(wide()),
        ..StartRunRequest::default()
    };
    let mut starters = JoinSet::new();
    for _ in 0..20 {
        let (client, request) = (client.clone(), request.clone());
        starters.spawn(async move {
            for _ in 0..RUNS / 20 {
                client.start_run(&request).await.unwrap();
            }
        });
    }
    starters.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_attempt_is_handed_out_twice_and_no_job_is_forgotten() {
    let database = TestDatabase::create().await;
    let server = Deployment::over(database.url()).await.server(&[]).await;
    let (stop, handed) = (CancellationToken::new(), Handed::default());
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let worker = Worker::new(server.client())
            .concurrency(4)
            .state(Arc::clone(&handed))
            .action("note", note);
        workers.spawn(worker.run_until(stop.clone().cancelled_owned()));
    }
    start_all(&server.client()).await;
    database.settles().await;
    stop.cancel();
    for ended in workers.join_all().await {
        ended.unwrap();
    }

    let jobs = database.number("select count(*) from jobs").await;
    assert_eq!(usize::try_from(jobs).unwrap(), RUNS * JOBS_PER_RUN);
    let handed = handed.lock().unwrap();
    let distinct: HashSet<_> = handed.iter().copied().collect();
    assert_eq!(handed.len(), distinct.len(), "handed out twice");
    assert_eq!(distinct.len(), RUNS * JOBS_PER_RUN);
    assert!(handed.iter().all(|(_, attempt)| *attempt == 1));
}
