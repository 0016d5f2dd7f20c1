//! `POST /projects`.

use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn a_new_project_is_answered_and_found() {
    let server = TestServer::start().await;
    let new = json!({"name": "My Project", "handle": "mine", "description": "for tests"});
    let made = server.owner.post("/projects", &new).await.with_status(201);
    assert_eq!(made["name"], "My Project");
    assert_eq!(made["handle"], "mine");
    assert_eq!(made["description"], "for tests");
    assert_eq!(made["created_by"], server.tenant.user.to_string());
    assert_eq!(made["created_at"], made["updated_at"]);
    let path = format!("/projects/{}", made["id"].as_str().unwrap());
    assert_eq!(server.owner.get(&path).await.with_status(200), made);
}

#[tokio::test]
async fn a_handle_is_made_from_the_name() {
    let server = TestServer::start().await;
    let made = server
        .owner
        .post("/projects", &json!({"name": " A  Name! "}))
        .await;
    let made = made.with_status(201);
    assert_eq!(made["handle"], "a-name");
    assert!(made.get("description").is_none());
    server
        .owner
        .get("/projects/a-name/runs")
        .await
        .with_status(200);
}

#[tokio::test]
async fn a_handle_is_taken_once() {
    let server = TestServer::start().await;
    let new = json!({"name": "a"});
    server.owner.post("/projects", &new).await.with_status(201);
    let message = server
        .owner
        .post("/projects", &new)
        .await
        .error(409, "handle_taken");
    assert!(message.starts_with("handle: "), "{message}");
    let list = server.owner.get("/projects").await.with_status(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn of_many_that_want_a_handle_one_gets_it() {
    let server = TestServer::start().await;
    let new = json!({"name": "wanted"});
    let wishes = (0..20).map(|_| server.owner.post("/projects", &new));
    let answers = futures_util::future::join_all(wishes).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(
        statuses[1..].iter().all(|status| *status == 409),
        "{statuses:?}"
    );
}
