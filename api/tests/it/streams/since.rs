//! Where a stream starts.

use mobius_test_support::factories::RunDraft;
use reqwest::Method;

use crate::harness::{Answer, EventStream, TestServer};

const PATH: &str = "/projects/default/runs/events";

/// The first number that a stream shows which starts as the query and the header say.
async fn first(server: &TestServer, query: &str, header: Option<&str>) -> i64 {
    let mut request = server.owner.request(Method::GET, &format!("{PATH}{query}"));
    if let Some(header) = header {
        request = request.header("Last-Event-ID", header);
    }
    let mut stream = EventStream::of(request.send().await.unwrap());
    stream.next().await.unwrap().id
}

#[tokio::test]
async fn the_larger_of_query_and_header_counts() {
    let server = TestServer::start().await;
    server.tenant.start_many(&RunDraft::default(), 5).await;
    for (query, header, expected) in [
        ("?since=0", None, 1),
        ("?since=4", None, 5),
        ("", Some("4"), 5),
        ("", Some("0"), 1),
        ("?since=2", Some("7"), 8),
        ("?since=7", Some("2"), 8),
    ] {
        let first = first(&server, query, header).await;
        assert_eq!(first, expected, "{query} {header:?}");
    }
}

#[tokio::test]
async fn a_start_inside_of_a_transaction_shows_the_rest_of_it() {
    let server = TestServer::start().await;
    server.owner.start().await;
    // The run and its job were one transaction.
    assert_eq!(first(&server, "?since=1", None).await, 2);
}

#[tokio::test]
async fn without_a_start_a_stream_is_live() {
    let server = TestServer::start().await;
    server.tenant.start_many(&RunDraft::default(), 5).await;
    let mut stream = EventStream::open(&server.owner, PATH).await;
    let run = server.owner.start().await;
    let frame = stream.next().await.unwrap();
    assert_eq!((frame.id, &frame.data["run_id"]), (11, &run["id"]));
}

#[tokio::test]
async fn what_is_no_number_of_ours_is_refused() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    let of_run = format!(
        "/projects/default/runs/{}/events",
        run["id"].as_str().unwrap()
    );
    for path in [PATH, &of_run] {
        for query in ["-1", "x", "", "1.5", "9223372036854775808", "0x1", "%00"] {
            let answer = server.owner.get(&format!("{path}?since={query}")).await;
            answer.error(400, "bad_request");
        }
        for header in ["-1", "x", "", "1.5", "+1", "9223372036854775808", "1 2"] {
            let request = server.owner.request(Method::GET, path);
            let request = request.header("Last-Event-ID", header);
            let answer = Answer::read(request.send().await.unwrap()).await;
            let message = answer.error(400, "bad_request");
            assert!(message.contains("Last-Event-ID"), "{message}");
        }
    }
}
