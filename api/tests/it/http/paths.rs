//! Paths, methods, and the second home of every route.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;

use crate::harness::{Ids, ROUTES, TestServer};

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_envelope() {
    let server = TestServer::start().await;
    for path in [
        "/",
        "/nowhere",
        "/projects/default/nothing",
        "/v1",
        "/v1/nowhere",
        "/v1/v1/projects",
        "/projects/",
    ] {
        for caller in [&server.owner, &server.anybody] {
            caller.get(path).await.error(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for route in ROUTES {
        let allowed = methods.entry(route.at(&ids)).or_default();
        allowed.insert(route.method.to_string());
        if route.method == Method::GET {
            allowed.insert("HEAD".to_owned());
        }
    }
    for (path, allowed) in methods {
        for prefix in ["", "/v1"] {
            let path = format!("{prefix}{path}");
            let wrong = match allowed.contains("PUT") {
                true => Method::PATCH,
                false => Method::PUT,
            };
            let answer = server.owner.send(wrong, &path, Some("{}")).await;
            answer.error(405, "method_not_allowed");
            let allow = answer.header("allow").unwrap();
            let told: BTreeSet<String> = allow
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect();
            assert_eq!(told, allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn every_route_also_answers_under_v1() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let mut in_order: Vec<_> = ROUTES.iter().collect();
    // What a first call would change for the second one is left to the tests of the routes.
    in_order.retain(|route| ![Method::DELETE, Method::PATCH].contains(&route.method));
    for route in in_order {
        let path = format!("/v1{}", route.at(&ids));
        let answer = route.call(&server.owner, &path).await;
        let is_let_in = matches!(answer.status, 200..=299 | 409);
        assert!(is_let_in, "{path}: {answer:?}");
        route
            .call(&server.anybody, &path)
            .await
            .error(401, "unauthorized");
    }
    for path in ["/v1/healthz", "/v1/readyz", "/v1/openapi.json"] {
        server.anybody.get(path).await.with_status(200);
    }
}

#[tokio::test]
async fn health_is_told_to_everybody() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz"] {
        let body = server.anybody.get(path).await.with_status(200);
        assert_eq!(body["status"], "ok");
    }
}
