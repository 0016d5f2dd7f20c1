//! `GET /projects/{id}`.

use crate::harness::TestServer;

#[tokio::test]
async fn a_project_is_read_by_its_id() {
    let server = TestServer::start().await;
    let path = format!("/projects/{}", server.tenant.project);
    let project = server.owner.get(&path).await.with_status(200);
    assert_eq!(project["id"], server.tenant.project.to_string());
    assert_eq!(project["handle"], "default");
}

#[tokio::test]
async fn a_project_stands_in_paths_by_handle_and_by_id() {
    let server = TestServer::start().await;
    let run = server.owner.start().await;
    for project in ["default", &server.tenant.project.to_string()] {
        let list = server.owner.get(&format!("/projects/{project}/runs")).await;
        assert_eq!(list.with_status(200)["items"][0]["id"], run["id"]);
    }
}
