//! A key needs exactly the permission that its route names.

use std::collections::BTreeSet;

use mobius_types::Permission;

use crate::harness::{Ids, ROUTES, TestServer};

#[tokio::test]
async fn a_key_with_every_permission_but_the_one_is_refused() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    for route in ROUTES {
        let others: Vec<Permission> = Permission::ALL
            .iter()
            .copied()
            .filter(|permission| *permission != route.permission)
            .collect();
        let caller = server.caller_with(&others).await;
        let answer = route.call(&caller, &route.at(&ids)).await;
        let message = answer.error(403, "forbidden");
        assert!(message.contains(route.permission.as_str()), "{message}");
    }
}

#[tokio::test]
async fn a_key_with_the_one_permission_is_let_in() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    for route in ROUTES {
        let caller = server.caller_with(&[route.permission]).await;
        let answer = route.call(&caller, &route.at(&ids)).await;
        let is_let_in = matches!(answer.status, 200..=299 | 409);
        assert!(is_let_in, "{route:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_without_permissions_is_refused_everywhere() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let caller = server.caller_with(&[]).await;
    for route in ROUTES {
        let answer = route.call(&caller, &route.at(&ids)).await;
        answer.error(403, "forbidden");
    }
}

/// The tests beside this one are about the routes of the table; this one is about the table.
#[test]
fn the_routes_that_are_tested_are_those_that_are_served() {
    let document = mobius_api::document();
    let served: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let tested: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|route| (route.path.to_owned(), route.method.to_string()))
        .collect();
    assert_eq!(tested, served);
}
