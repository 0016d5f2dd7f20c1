//! `GET /projects/{project}/workflows`.

use mobius_test_support::factories::one_step;

use crate::harness::TestServer;

#[tokio::test]
async fn workflows_are_listed_newest_first_without_their_specs() {
    let server = TestServer::start().await;
    for name in ["a", "b", "c"] {
        server.tenant.save_workflow(name, one_step()).await;
    }
    let list = server
        .owner
        .get("/projects/default/workflows")
        .await
        .with_status(200);
    let items = list["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["c", "b", "a"]);
    assert!(items.iter().all(|item| item.get("spec").is_none()));
    assert_eq!(list["data"], list["items"]);
    assert_eq!(list["has_more"], false);
    assert!(list.get("next_cursor").is_none());
}

#[tokio::test]
async fn pages_show_each_workflow_once_although_others_are_made_meanwhile() {
    let server = TestServer::start().await;
    for number in 0..5 {
        server
            .tenant
            .save_workflow(&format!("w{number}"), one_step())
            .await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/projects/default/workflows?limit=2{cursor}");
        let page = server.owner.get(&path).await.with_status(200);
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        server
            .tenant
            .save_workflow(&format!("new{}", seen.len()), one_step())
            .await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
        assert_eq!(page["has_more"], true);
    }
    assert_eq!(seen, ["w4", "w3", "w2", "w1", "w0"]);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let server = TestServer::start().await;
    for _ in 0..2 {
        server.owner.start().await;
    }
    let runs = server
        .owner
        .get("/projects/default/runs?limit=1")
        .await
        .with_status(200);
    let cursor = runs["next_cursor"].as_str().unwrap();
    let path = format!("/projects/default/workflows?cursor={cursor}");
    server.owner.get(&path).await.error(400, "invalid_cursor");
}
