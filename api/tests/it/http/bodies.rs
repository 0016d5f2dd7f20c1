//! Bodies: their type and their size.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use futures_util::stream;
use mobius_api::Limits;
use mobius_test_support::inspect::row_counts;
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

use crate::harness::{Answer, Ids, ROUTES, TestServer, echo_spec, job_path};

/// What every route takes unless it says otherwise.
const LIMIT: usize = 3 * 1024 * 1024;

#[tokio::test]
async fn a_body_that_is_declared_to_be_something_else_is_refused() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    for route in ROUTES.iter().filter(|route| route.takes_body()) {
        for declared in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "",
        ] {
            let request = server.owner.request(route.method.clone(), &route.at(&ids));
            let request = request.header(header::CONTENT_TYPE, declared).body("{}");
            let answer = Answer::read(request.send().await.unwrap()).await;
            answer.error(415, "unsupported_media_type");
        }
    }
}

#[tokio::test]
async fn json_is_taken_under_all_its_names() {
    let server = TestServer::start().await;
    let body = json!({"spec": echo_spec()}).to_string();
    for declared in [
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("Application/JSON"),
        Some("application/merge-patch+json"),
        None,
    ] {
        let mut request = server.owner.request(Method::POST, "/projects/default/runs");
        if let Some(declared) = declared {
            request = request.header(header::CONTENT_TYPE, declared);
        }
        let answer = Answer::read(request.body(body.clone()).send().await.unwrap()).await;
        answer.with_status(202);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_too_large() {
    let server = TestServer::start().await;
    let too_large = format!("{{\"name\":\"{}\"}}", "x".repeat(LIMIT));
    let answer = server
        .owner
        .send(Method::POST, "/projects", Some(too_large))
        .await;
    answer.error(413, "too_large");
}

/// Many clients write all of a body before they read: one that is refused must still get to read
/// why.
#[tokio::test]
async fn who_writes_a_too_large_body_before_reading_gets_the_answer() {
    let server = TestServer::start().await;
    for is_declared in [true, false] {
        let bytes = LIMIT + 1024 * 1024;
        let length = if is_declared {
            format!("content-length: {bytes}")
        } else {
            "transfer-encoding: chunked".to_owned()
        };
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let mut request = format!(
            "POST /projects HTTP/1.1\r\nhost: mobius\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\n{length}\r\n\r\n",
            server.tenant.key.expose(),
        );
        let body = " ".repeat(bytes);
        if is_declared {
            request.push_str(&body);
        } else {
            request.push_str(&format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n"));
        }
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
}

/// A body of which nothing ever arrives: to wait for all of it would be to wait for ever.
#[tokio::test]
async fn a_body_that_says_that_it_is_too_large_is_not_waited_for() {
    let server = TestServer::start().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /projects HTTP/1.1\r\nhost: mobius\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.tenant.key.expose(),
        LIMIT + 1,
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

/// The router is asked without a socket, because over one a server that stops to read may be
/// heard or not.
#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let before = row_counts(&mut *server.tenant.connection().await).await;
    for route in ROUTES.iter().filter(|route| route.takes_body()) {
        let space = || Ok::<_, std::io::Error>(" ".repeat(1024 * 1024));
        let endless = stream::iter(std::iter::repeat_with(space));
        let request = Request::builder()
            .method(route.method.as_str())
            .uri(route.at(&ids))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", server.tenant.key.expose()),
            )
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from_stream(endless))
            .unwrap();
        let response = server.app.router().oneshot(request).await.unwrap();
        assert_eq!(
            response.status(),
            StatusCode::PAYLOAD_TOO_LARGE,
            "{route:?}"
        );
    }
    assert_eq!(
        row_counts(&mut *server.tenant.connection().await).await,
        before
    );
}

#[tokio::test]
async fn sizes_are_those_of_the_settings() {
    let server = TestServer::start().await;
    let limits = Limits {
        spec_bytes: 200,
        inputs_bytes: 20,
        result_bytes: 3,
        ..Limits::default()
    };
    let replica = server.another_replica_with(limits).await;
    let owner = &replica.owner;
    let start = |inputs: &str| json!({"spec": echo_spec(), "inputs": {"a": inputs}});
    let fits = owner.post("/projects/default/runs", &start("x")).await;
    fits.with_status(202);
    let job = owner.claim("w").await;
    let inputs = owner
        .post("/projects/default/runs", &start(&"x".repeat(20)))
        .await;
    assert!(inputs.error(413, "too_large").starts_with("inputs: "));
    let mut spec = echo_spec();
    spec["description"] = json!("x".repeat(200));
    let spec = owner
        .post("/projects/default/runs", &json!({"spec": spec}))
        .await;
    assert!(spec.error(413, "too_large").starts_with("spec: "));
    let report = |result: &str| json!({"worker_id": "w", "attempt": 1, "status": "completed", "result_b64": result});
    let path = job_path(&job, "complete");
    let result = owner.post(&path, &report("eHh4eA==")).await;
    assert!(result.error(413, "too_large").starts_with("result_b64: "));
    owner.post(&path, &report("eHh4")).await.with_status(204);
}
