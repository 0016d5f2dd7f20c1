//! `GET /projects/{project}/workflows/{id}/versions`.

use mobius_test_support::factories::{one_step, two_steps};
use serde_json::json;

use crate::harness::TestServer;

#[tokio::test]
async fn versions_are_listed_newest_first_with_specs_only_on_demand() {
    let server = TestServer::start().await;
    let id = server.tenant.save_workflow("w", one_step()).await.id;
    let path = format!("/projects/default/workflows/{id}");
    server
        .owner
        .patch(&path, &json!({"spec": two_steps()}))
        .await
        .with_status(200);
    for (query, has_spec) in [
        ("", false),
        ("?include_spec=false", false),
        ("?include_spec=true", true),
    ] {
        let list = server.owner.get(&format!("{path}/versions{query}")).await;
        let list = list.with_status(200);
        let items = list["items"].as_array().unwrap();
        let numbers: Vec<_> = items.iter().map(|item| &item["version"]).collect();
        assert_eq!(numbers, [2, 1]);
        assert!(
            items
                .iter()
                .all(|item| item.get("spec").is_some() == has_spec)
        );
        if has_spec {
            assert_eq!(items[0]["spec"], json!(two_steps()));
            assert_eq!(items[1]["spec"], json!(one_step()));
        }
    }
}
