//! The served document: what it promises is what tools can use.

use std::collections::HashSet;

use serde_json::Value;

use crate::harness::TestServer;

/// Calls `see` for every object in the document.
fn walk<'a>(value: &'a Value, see: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Object(entries) => {
            see(entries);
            entries.values().for_each(|entry| walk(entry, see));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// All operations, with their methods and paths.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[tokio::test]
async fn the_served_document_is_the_printed_one() {
    let server = TestServer::start().await;
    let served = server.anybody.get("/openapi.json").await.with_status(200);
    assert_eq!(served, mobius_api::document());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = mobius_api::document();
    let mut count = 0;
    walk(&document, &mut |entries| {
        if let Some(Value::String(reference)) = entries.get("$ref") {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
            count += 1;
        }
    });
    assert!(count > 50, "only {count} references were seen");
}

#[test]
fn every_operation_has_a_name_of_its_own_and_is_described() {
    let document = mobius_api::document();
    let mut names = HashSet::new();
    for (place, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "{name} twice");
        assert!(operation["summary"].is_string(), "{place}");
        assert!(!operation["tags"].as_array().unwrap().is_empty(), "{place}");
    }
}

#[test]
fn every_part_of_a_path_is_a_parameter() {
    let document = mobius_api::document();
    for (place, operation) in operations(&document) {
        let in_path: HashSet<&str> = place
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        let described: HashSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_path, described, "{place}");
    }
}

#[test]
fn every_operation_names_the_errors_that_it_can_answer_with() {
    let document = mobius_api::document();
    for (place, operation) in operations(&document) {
        for status in [
            "400", "401", "403", "404", "405", "409", "413", "415", "429", "503",
        ] {
            let schema = &operation["responses"][status]["content"]["application/json"]["schema"];
            assert_eq!(
                schema["$ref"], "#/components/schemas/ErrorResponse",
                "{place} {status}"
            );
        }
    }
}

#[test]
fn no_property_is_said_to_be_null_but_those_of_the_contract() {
    let mut document = mobius_api::document();
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for name in [
        "Interaction",
        "InteractionPartialResponse",
        "InteractionResponse",
    ] {
        let schema = schemas.remove(name).unwrap();
        assert!(schema.to_string().contains("null"), "{name}");
    }
    walk(&document, &mut |entries| {
        let kinds = entries.get("type");
        let may_be_null = kinds.is_some_and(|kinds| kinds.to_string().contains("null"));
        assert!(!may_be_null, "{entries:?}");
    });
}
