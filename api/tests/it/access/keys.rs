//! Keys that count and keys that don't. Whoever has none of ours learns nothing, not even why.

use std::time::{Duration, Instant};

use mobius_store::{
    clock,
    keys::{self, SecretKey},
};
use reqwest::{Method, header};

use crate::harness::{Answer, Caller, Ids, ROUTES, Replica, TestServer};

/// What a client can tell apart.
fn seen(answer: &Answer) -> (u16, String, Option<String>, Option<String>) {
    let header = |name| answer.header(name).map(str::to_owned);
    (
        answer.status,
        answer.text.clone(),
        header("www-authenticate"),
        header("content-type"),
    )
}

async fn expired_key(server: &Replica) -> SecretKey {
    let now = clock::now(&mut *server.tenant.connection().await)
        .await
        .unwrap();
    let soon = Duration::from_secs(60);
    let key = server
        .tenant
        .new_key(|key| key.expires_at = Some(now + soon));
    let key = key.await;
    let works = server.anybody.with_key(&key).get("/projects").await;
    works.with_status(200);
    server.tenant.advance_clock(soon).await;
    key
}

async fn revoke(server: &Replica, key: &SecretKey) {
    let mut connection = server.tenant.connection().await;
    let revoked = keys::revoke(&mut connection, server.tenant.org, key.hash()).await;
    assert!(revoked.unwrap());
}

/// Asks until the key is refused; an answer may be remembered for a second.
async fn until_refused(caller: &Caller) {
    let since = Instant::now();
    while caller.get("/projects").await.status != 401 {
        assert!(since.elapsed() < Duration::from_secs(3), "it still works");
    }
}

#[tokio::test]
async fn every_key_that_does_not_count_gets_the_same_answer_everywhere() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let expired = expired_key(&server).await;
    let revoked = server.tenant.new_key(|_| {}).await;
    revoke(&server, &revoked).await;
    let mut mistyped = server.tenant.key.expose().to_owned();
    mistyped.pop();
    mistyped.push('-');
    let callers = [
        server.anybody.clone(),
        server.anybody.with_key(&SecretKey::generate()),
        server.anybody.with_key(&expired),
        server.anybody.with_key(&revoked),
        server.anybody.with_bearer(&mistyped),
        server.anybody.with_bearer(""),
        server.anybody.with_bearer("mbx_"),
        server.anybody.with_bearer(&"a".repeat(5_000)),
    ];
    until_refused(&callers[2]).await;
    let first = seen(&callers[0].get("/projects").await);
    assert_eq!(first.0, 401);
    for route in ROUTES {
        for caller in &callers {
            let answer = route.call(caller, &route.at(&ids)).await;
            answer.error(401, "unauthorized");
            assert_eq!(seen(&answer), first, "{route:?} with {caller:?}");
        }
    }
}

#[tokio::test]
async fn a_key_is_looked_for_before_the_project_and_the_body() {
    let server = TestServer::start().await;
    let nobody = &server.anybody;
    let answer = nobody
        .send(Method::POST, "/projects/nowhere/runs", Some("no JSON"))
        .await;
    answer.error(401, "unauthorized");
}

#[tokio::test]
async fn only_the_bearer_scheme_counts_however_it_is_written() {
    let server = TestServer::start().await;
    let key = server.tenant.key.expose();
    for (value, status) in [
        (format!("Bearer {key}"), 200),
        (format!("bearer {key}"), 200),
        (format!("BEARER  {key}"), 200),
        (format!("Basic {key}"), 401),
        (key.to_owned(), 401),
        (format!("Bearer{key}"), 401),
        (format!("Bearer {key} {key}"), 401),
    ] {
        let request = server.anybody.request(Method::GET, "/projects");
        let response = request.header(header::AUTHORIZATION, &value).send().await;
        assert_eq!(response.unwrap().status(), status, "{value}");
    }
}

#[tokio::test]
async fn a_new_key_works_at_once() {
    let server = TestServer::start().await;
    for _ in 0..5 {
        let key = server.tenant.new_key(|_| {}).await;
        let answer = server.anybody.with_key(&key).get("/projects").await;
        answer.with_status(200);
    }
}

#[tokio::test]
async fn a_revoked_key_stops_working_within_seconds() {
    let server = TestServer::start().await;
    let key = server.tenant.new_key(|_| {}).await;
    let caller = server.anybody.with_key(&key);
    caller.get("/projects").await.with_status(200);
    revoke(&server, &key).await;
    until_refused(&caller).await;
}
