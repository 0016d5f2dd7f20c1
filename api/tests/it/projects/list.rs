//! `GET /projects`.

use serde_json::json;

use crate::harness::TestServer;

async fn handles(server: &TestServer, query: &str) -> Vec<String> {
    let list = server
        .owner
        .get(&format!("/projects{query}"))
        .await
        .with_status(200);
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["handle"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn projects_are_listed_newest_first() {
    let server = TestServer::start().await;
    for name in ["a", "b"] {
        server
            .owner
            .post("/projects", &json!({"name": name}))
            .await
            .with_status(201);
    }
    assert_eq!(handles(&server, "").await, ["b", "a", "default"]);
}

#[tokio::test]
async fn a_search_matches_the_beginning_of_name_or_handle() {
    let server = TestServer::start().await;
    for (name, handle) in [("Alpha", "one"), ("Beta", "alphabet"), ("100%", "two")] {
        let new = json!({"name": name, "handle": handle});
        server.owner.post("/projects", &new).await.with_status(201);
    }
    assert_eq!(handles(&server, "?search=alph").await, ["alphabet", "one"]);
    assert_eq!(handles(&server, "?search=ALPHA").await, ["alphabet", "one"]);
    assert_eq!(handles(&server, "?search=100%25").await, ["two"]);
    assert!(handles(&server, "?search=%25").await.is_empty());
    assert!(handles(&server, "?search=_").await.is_empty());
    assert_eq!(handles(&server, "?search=").await.len(), 4);
}
