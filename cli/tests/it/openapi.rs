//! `mobius openapi`.

use serde_json::Value;

use crate::harness::{Process, mobius};

#[tokio::test]
async fn the_printed_document_is_json_and_describes_the_claim() {
    let printed = Process::run(mobius(&["openapi"])).await.succeeded();
    let document: Value = serde_json::from_str(&printed.join("\n")).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    let claim = &document["paths"]["/projects/{project}/jobs/claim"]["post"];
    assert_eq!(claim["operationId"], "claimJob");
}
