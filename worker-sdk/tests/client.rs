//! The client against a real socket: what it sends, and how each kind of answer comes back.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test should end the test"
)]

use std::time::Duration;

use mobius_worker_sdk::{
    ActionError, Client, ClientError, Context, Worker,
    types::{
        BulkRetryRequest, CreateProjectRequest, JobBatchClaimRequest, JobClaimRequest,
        JobFenceRequest, JobId, JsonObject, RetryPoint, RunId, SignalId, ToolRunRequest,
        ToolRunStatus,
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

/// Answers one request with this text and gives back the request.
async fn exchange(listener: &TcpListener, answer: &str) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    converse(stream, answer).await
}

/// The same on a connection that is there.
async fn converse(stream: TcpStream, answer: &str) -> String {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    request.push_str(&String::from_utf8(body).unwrap());
    let mut stream: TcpStream = stream.into_inner();
    stream.write_all(answer.as_bytes()).await.unwrap();
    request
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

async fn listen() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, Client::new(&url, "mbx_key").unwrap())
}

fn claim() -> JobClaimRequest {
    JobClaimRequest {
        worker_id: "w".to_owned(),
        ..JobClaimRequest::default()
    }
}

#[tokio::test]
async fn a_call_carries_the_key_and_the_project() {
    let (listener, client) = listen().await;
    let client = client.project("default");
    let (request, claimed) = tokio::join!(
        async { exchange(&listener, &answer("204 No Content", "", "")).await },
        async { client.claim_job(&claim()).await },
    );
    assert!(claimed.unwrap().is_none());
    assert!(
        request.starts_with("POST /projects/default/jobs/claim HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer mbx_key\r\n"),
        "{request}"
    );
    assert!(request.contains(r#""worker_id":"w""#), "{request}");
}

#[tokio::test]
async fn without_a_project_only_job_calls_work() {
    let (listener, client) = listen().await;
    let job = JobId::generate();
    let fence = JobFenceRequest {
        worker_id: "w".to_owned(),
        attempt: 2,
    };
    let body = r#"{"ok":true,"directives":{"should_cancel":true}}"#;
    let (request, beat) = tokio::join!(
        async { exchange(&listener, &answer("200 OK", "", body)).await },
        async { client.heartbeat_job(job, &fence).await },
    );
    assert!(beat.unwrap().directives.should_cancel);
    assert!(
        request.starts_with(&format!("POST /jobs/{job}/heartbeat ")),
        "{request}"
    );
    let run = client.get_run(RunId::generate()).await;
    assert!(matches!(run, Err(ClientError::NoProject)));
}

#[tokio::test]
async fn an_error_answer_keeps_its_code_and_its_retry_after() {
    let (listener, client) = listen().await;
    let body = r#"{"error":{"code":"rate_limited","message":"slow down"}}"#;
    let (_, listed) = tokio::join!(
        async { exchange(&listener, &answer("429 X", "retry-after: 7\r\n", body)).await },
        async { client.list_projects().await },
    );
    let error = listed.unwrap_err();
    assert!(error.is_retryable());
    let ClientError::Api {
        status,
        code,
        message,
        retry_after,
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (429, "rate_limited", "slow down")
    );
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_still_an_error_with_its_status() {
    let (listener, client) = listen().await;
    let (_, listed) = tokio::join!(
        async { exchange(&listener, &answer("502 Bad Gateway", "", "<html>")).await },
        async { client.list_projects().await },
    );
    assert_eq!(listed.unwrap_err().status(), Some(502));
    let (_, listed) = tokio::join!(
        async { exchange(&listener, &answer("200 OK", "", "<html>")).await },
        async { client.list_projects().await },
    );
    assert!(matches!(listed, Err(ClientError::Decode(_))));
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() {
    let (listener, client) = listen().await;
    let request = CreateProjectRequest {
        name: "n".to_owned(),
        handle: None,
        description: None,
    };
    let (_, made) = tokio::join!(
        async { exchange(&listener, &answer("302 Found", "location: /x\r\n", "")).await },
        async { client.create_project(&request).await },
    );
    assert_eq!(made.unwrap_err().status(), Some(302));
}

#[tokio::test]
async fn a_claim_that_is_never_answered_ends_by_its_deadline() {
    let (listener, client) = listen().await;
    let client = client.deadline(Duration::from_millis(50));
    let request = JobBatchClaimRequest {
        claim: claim(),
        max_jobs: 1,
    };
    let claimed = client.claim_jobs(&request).await;
    assert!(
        matches!(claimed, Err(ClientError::Timeout(_))),
        "{claimed:?}"
    );
    drop(listener);
    let claimed = client.claim_jobs(&request).await;
    assert!(
        matches!(claimed, Err(ClientError::Network(_))),
        "{claimed:?}"
    );
}

#[tokio::test]
async fn operations_on_runs_say_what_is_to_be_done() {
    let (listener, client) = listen().await;
    let client = client.project("default");
    let run = RunId::generate();
    let path = |operation: &str| format!("POST /projects/default/runs/{run}/{operation} ");
    let (request, done) = tokio::join!(
        exchange(&listener, &answer("204 No Content", "", "")),
        client.cancel_run(run),
    );
    done.unwrap();
    assert!(request.starts_with(&path("cancellations")), "{request}");
    let (request, done) = tokio::join!(
        exchange(&listener, &answer("409 Conflict", "", "{}")),
        client.resume_run(run),
    );
    assert_eq!(done.unwrap_err().status(), Some(409));
    assert!(request.starts_with(&path("resumptions")), "{request}");
    let signal = format!(
        r#"{{"id":"{}","run_id":"{run}","name":"go"}}"#,
        SignalId::generate()
    );
    let (request, sent) = tokio::join!(
        exchange(&listener, &answer("202 Accepted", "", &signal)),
        client.signal_run(run, "go", JsonObject::new()),
    );
    assert_eq!(sent.unwrap().run_id, run);
    assert!(request.starts_with(&path("signals")), "{request}");
    assert!(
        request.ends_with(r#"{"name":"go","payload":{}}"#),
        "{request}"
    );
}

#[tokio::test]
async fn a_call_about_many_runs_tells_what_became_of_each() {
    let (listener, client) = listen().await;
    let client = client.project("default");
    let body = r#"{"succeeded":["run_1"],"failures":{"run_2":"run not found"}}"#;
    let retry = BulkRetryRequest {
        run_ids: Some(vec!["run_1".to_owned(), "run_2".to_owned()]),
        filter: None,
        from: Some(RetryPoint::Start),
    };
    let (request, result) = tokio::join!(
        exchange(&listener, &answer("200 OK", "", body)),
        client.retry_runs(&retry),
    );
    assert!(
        request.starts_with("POST /projects/default/runs/retries "),
        "{request}"
    );
    assert!(
        request.ends_with(r#"{"run_ids":["run_1","run_2"],"from":"start"}"#),
        "{request}"
    );
    let result = result.unwrap();
    assert_eq!(result.succeeded, ["run_1"]);
    assert_eq!(result.failures["run_2"], "run not found");
}

/// The control plane may take as long as it was asked to, which is longer than the deadline.
#[tokio::test]
async fn a_call_of_a_tool_waits_as_long_as_it_asked_the_tool_to() {
    let (listener, client) = listen().await;
    let client = client
        .project("default")
        .deadline(Duration::from_millis(50));
    let call = ToolRunRequest {
        input: None,
        timeout_seconds: Some(60),
    };
    let body = format!(r#"{{"run_id":"{}","status":"pending"}}"#, RunId::generate());
    let (request, run) = tokio::join!(
        async {
            let (stream, _) = listener.accept().await.unwrap();
            // Another call, with the deadline alone, gives up meanwhile.
            let hasty = client.list_tools().await;
            assert!(matches!(hasty, Err(ClientError::Timeout(_))), "{hasty:?}");
            converse(stream, &answer("202 Accepted", "", &body)).await
        },
        client.run_tool("a tool", &call),
    );
    assert_eq!(run.unwrap().status, ToolRunStatus::Pending);
    assert!(
        request.starts_with("POST /projects/default/tools/a%20tool/runs "),
        "{request}"
    );
}

async fn nothing(_: Context, _: JsonObject) -> Result<(), ActionError> {
    Ok(())
}

#[tokio::test]
async fn a_worker_whose_claim_is_never_answered_asks_again() {
    let (listener, client) = listen().await;
    let client = client.deadline(Duration::from_millis(50));
    let worker = Worker::new(client)
        .poll_wait(Duration::from_secs(1))
        .action("nothing", nothing);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = worker.run_until(async {
        stopped.await.ok();
    });
    let asked_twice = async {
        let silent = listener.accept().await.unwrap();
        let request = exchange(&listener, &answer("200 OK", "", r#"{"items":[]}"#)).await;
        assert!(request.starts_with("POST /jobs/claims "), "{request}");
        stop.send(()).unwrap();
        drop((silent, listener));
    };
    let (ended, ()) = tokio::join!(running, asked_twice);
    ended.unwrap();
}
