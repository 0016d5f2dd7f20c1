//! The worker against a scripted control plane, in virtual time.

mod claims;
mod drain;
mod events;
mod leases;
mod reports;
mod server;

use std::{future::pending, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Worker, WorkerError, run_loops};
use crate::{ActionError, CancelReason, Client, Context, types::JsonObject};
use server::Server;

/// A running worker.
struct Running {
    stop: CancellationToken,
    hurry: CancellationToken,
    ended: JoinHandle<Result<(), WorkerError>>,
}

impl Running {
    async fn stopped(self) -> Result<(), WorkerError> {
        self.stop.cancel();
        self.ended.await.unwrap()
    }
}

fn start(server: &Arc<Server>, change: impl FnOnce(Worker) -> Worker) -> Running {
    let client = Client::new("http://127.0.0.1:9", "key").unwrap();
    let worker = Worker::new(client).worker_id("w");
    let worker = worker
        .action("echo", echo)
        .action("wait", wait)
        .action("deaf", deaf)
        .action("panic", panicking);
    let (_, settings) = change(worker).into_parts();
    let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
    let loops = run_loops(Arc::clone(server), settings, stop.clone(), hurry.clone());
    Running {
        stop,
        hurry,
        ended: tokio::spawn(loops),
    }
}

/// Gives its parameters back.
async fn echo(_: Context, parameters: JsonObject) -> Result<JsonObject, ActionError> {
    Ok(parameters)
}

/// How an action that waits for the signal saw it.
type Stops = tokio::sync::mpsc::UnboundedSender<CancelReason>;

/// Waits to be told to stop, and passes on why.
async fn wait(ctx: Context, _: JsonObject) -> Result<Value, ActionError> {
    let reason = ctx.cancelled().await;
    if let Some(stops) = ctx.try_state::<Stops>() {
        stops.send(reason).unwrap();
    }
    Err(ActionError::retry("stopped"))
}

/// Does not listen.
async fn deaf(_: Context, _: JsonObject) -> Result<Value, ActionError> {
    pending().await
}

async fn panicking(_: Context, _: JsonObject) -> Result<Value, ActionError> {
    panic!("it broke")
}

fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else {
        panic!("{value} is not an object");
    };
    object
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_job_is_run_and_reported_under_its_fence() {
    let server = Server::new();
    let job = server.offer("echo", |claim| {
        claim.parameters = object(json!({"a": 1}));
        claim.attempt = 3;
    });
    let running = start(&server, |worker| worker);
    let report = server.report().await;
    assert_eq!(report.job_id, job.to_string());
    assert_eq!(report.report.worker_id, "w");
    assert_eq!(report.report.attempt, 3);
    assert_eq!(report.report.result_b64.as_deref(), Some("eyJhIjoxfQ=="));
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_attempt_and_the_worker_goes_on() {
    let server = Server::new();
    server.offer("panic", |_| {});
    let running = start(&server, |worker| worker.concurrency(1));
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("activity_failed"));
    assert_eq!(report.error_message.as_deref(), Some("panic: it broke"));
    server.offer("echo", |_| {});
    assert_eq!(server.report().await.report.error_type, None);
    running.stopped().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_action_that_nobody_registered_fails_for_good() {
    let server = Server::new();
    server.offer("unknown", |_| {});
    let running = start(&server, |worker| worker);
    let report = server.report().await.report;
    assert_eq!(report.error_type.as_deref(), Some("fatal_error"));
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn a_worker_without_actions_does_not_start() {
    let client = Client::new("http://127.0.0.1:9", "key").unwrap();
    let ended = Worker::new(client).run_until(pending()).await;
    assert!(matches!(ended, Err(WorkerError::NoActions)));
}

#[test]
fn a_running_worker_can_be_moved_to_another_thread() {
    fn is_send(_: impl Send) {}
    let client = Client::new("http://127.0.0.1:9", "key").unwrap();
    is_send(Worker::new(client.clone()).run());
    is_send(Worker::new(client).run_until(pending()));
}
