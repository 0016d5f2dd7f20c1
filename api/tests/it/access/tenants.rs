//! Two organisations on one server see nothing of each other.

use serde_json::json;

use crate::harness::{Ids, ROUTES, Replica, TestServer};

/// What the owner sees of everything.
async fn everything(server: &Replica, ids: &Ids) -> String {
    let mut all = String::new();
    for path in [
        "/projects".to_owned(),
        format!("/projects/default/workflows/{}/versions", ids.workflow),
        format!("/projects/default/workflows/{}", ids.workflow),
        "/projects/default/runs".to_owned(),
        format!("/projects/default/runs/{}", ids.run),
        "/projects/default/workers".to_owned(),
        "/projects/default/tools".to_owned(),
        "/projects/default/interactions".to_owned(),
    ] {
        let answer = server.owner.get(&path).await;
        answer.with_status(200);
        all.push_str(&answer.text);
    }
    all
}

#[tokio::test]
async fn a_project_of_another_organisation_is_not_found() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let stranger = server.tenant.stranger().await;
    let caller = server.anybody.with_key(&stranger.key);
    let before = everything(&server, &ids).await;
    for route in ROUTES {
        let path = route.at(&ids);
        if path != "/projects" {
            route.call(&caller, &path).await.error(404, "not_found");
        }
    }
    assert_eq!(everything(&server, &ids).await, before);
}

#[tokio::test]
async fn an_id_of_another_organisation_is_not_found_in_ones_own_project() {
    let server = TestServer::start().await;
    let ours = Ids::made_in(&server.tenant).await;
    let stranger = server.tenant.stranger().await;
    let caller = server.anybody.with_key(&stranger.key);
    let ids = Ids {
        project: stranger.project.to_string(),
        ..ours.clone()
    };
    let before = everything(&server, &ours).await;
    for route in ROUTES.iter().filter(|route| route.names_something()) {
        let answer = route.call(&caller, &route.at(&ids)).await;
        answer.error(404, "not_found");
    }
    let items = json!({"items": [
        {"job_id": ours.job, "worker_id": "w", "attempt": 1, "status": "completed"},
    ]});
    for batch in ["heartbeats", "completions"] {
        let path = format!("/projects/default/jobs/{batch}");
        let answer = caller.post(&path, &items).await.with_status(200);
        assert_eq!(answer["items"][0]["status"], 404);
    }
    assert_eq!(everything(&server, &ours).await, before);
}

#[tokio::test]
async fn an_id_of_another_project_is_not_found() {
    let server = TestServer::start().await;
    let ours = Ids::made_in(&server.tenant).await;
    server.tenant.another_project("other").await;
    let ids = Ids {
        project: "other".to_owned(),
        ..ours.clone()
    };
    let before = everything(&server, &ours).await;
    let in_project = ROUTES.iter().filter(|route| route.is_in_project());
    for route in in_project.filter(|route| route.names_something()) {
        let answer = route.call(&server.owner, &route.at(&ids)).await;
        answer.error(404, "not_found");
    }
    let run = json!({"definition_id": ours.workflow});
    let started = server.owner.post("/projects/other/runs", &run).await;
    started.error(404, "not_found");
    assert_eq!(everything(&server, &ours).await, before);
}

#[tokio::test]
async fn one_handle_names_each_organisations_own_project() {
    let server = TestServer::start().await;
    let stranger = server.tenant.stranger().await;
    let caller = server.anybody.with_key(&stranger.key);
    let ours = server.owner.start().await;
    let theirs = caller.start().await;
    for (caller, run) in [(&server.owner, &ours), (&caller, &theirs)] {
        let list = caller.get("/projects/default/runs").await.with_status(200);
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        assert_eq!(list["items"][0]["id"], run["id"]);
        let claimed = caller.claim("w").await;
        assert_eq!(claimed["run_id"], run["id"]);
        assert!(caller.claim("w").await.is_null());
    }
}
