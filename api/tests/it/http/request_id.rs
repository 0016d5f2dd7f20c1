//! Every answer names its request.

use std::collections::HashSet;

use reqwest::Method;

use crate::harness::{Answer, TestServer};

const HEADER: &str = "X-Request-Id";

async fn returned_for(server: &TestServer, path: &str, given: Option<&str>) -> String {
    let mut request = server.owner.request(Method::GET, path);
    if let Some(id) = given {
        request = request.header(HEADER, id);
    }
    let answer = Answer::read(request.send().await.unwrap()).await;
    answer.header(HEADER).unwrap().to_owned()
}

#[tokio::test]
async fn a_callers_id_is_returned() {
    let server = TestServer::start().await;
    let longest = "x".repeat(120);
    for id in ["a", "Req_1-2", longest.as_str()] {
        for path in ["/healthz", "/projects", "/nowhere"] {
            assert_eq!(returned_for(&server, path, Some(id)).await, id);
        }
    }
}

#[tokio::test]
async fn a_request_without_an_id_gets_a_new_one() {
    let server = TestServer::start().await;
    let mut ids = HashSet::new();
    for path in ["/healthz", "/projects", "/nowhere", "/projects"] {
        let id = returned_for(&server, path, None).await;
        assert!(id.starts_with("req_"), "{id}");
        assert!(ids.insert(id));
    }
}

#[tokio::test]
async fn an_id_that_could_spoil_a_log_is_replaced() {
    let server = TestServer::start().await;
    let too_long = "x".repeat(121);
    for id in ["", " ", "a b", "a;b", "a\tb", "{}", "é", too_long.as_str()] {
        let returned = returned_for(&server, "/projects", Some(id)).await;
        assert!(returned.starts_with("req_"), "{id:?} became {returned:?}");
    }
}
