//! The OpenAPI document that the server serves, made from the handlers themselves.

use std::sync::Arc;

use axum::{Json, Router, routing::get};
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{App, app::operations};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mobius",
        description = "A distributed job queue and workflow control plane over Postgres.",
        license(name = "MIT"),
    ),
    security(("BearerAuth" = [])),
    // The answers of `ErrorResponses` refer to it, and do not register it themselves.
    components(schemas(mobius_types::ErrorResponse, mobius_types::ErrorDetail)),
    modifiers(&Bearer),
    tags(
        (name = "projects", description = "The unit that holds workflows, runs, jobs and workers."),
        (name = "workflows", description = "Saved workflows and their immutable versions."),
        (name = "runs", description = "Executions of workflows."),
        (name = "jobs", description = "Step executions, as workers claim and report them."),
        (name = "queues", description = "Where jobs wait, and what of it is paused."),
        (name = "workers", description = "The processes that claim jobs."),
        (name = "tools", description = "Published workflows as agents call them."),
        (name = "interactions", description = "What runs ask of people, and the answers."),
    )
)]
struct Base;

/// Says that every operation takes an API key as a bearer token.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key: `Authorization: Bearer mbx_…`"))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("BearerAuth", SecurityScheme::Http(scheme));
    }
}

/// The document before the operations are added.
pub(crate) fn base() -> Document {
    Base::openapi()
}

/// The document as it is served.
#[must_use]
pub fn document() -> Value {
    finish(operations().into_openapi())
}

/// Serves the document.
pub(crate) fn router(document: Document) -> Router<App> {
    let document = Arc::new(finish(document));
    Router::new().route(
        "/openapi.json",
        get(move || async move { Json(document.as_ref().clone()) }),
    )
}

/// The schemas with properties that the contract wants null where they have no value.
const WITH_NULLS: [&str; 3] = [
    "Interaction",
    "InteractionPartialResponse",
    "InteractionResponse",
];

/// A property that is optional in Rust is left out when it has no value. It is never null, so
/// the document must not say that it could be.
fn finish(document: Document) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let mut kept = Vec::new();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        let named = WITH_NULLS.into_iter();
        kept.extend(named.filter_map(|name| Some((name, schemas.get(name)?.clone()))));
    }
    drop_null(&mut document);
    for (name, schema) in kept {
        document["components"]["schemas"][name] = schema;
    }
    document
}

fn drop_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(drop_null),
        Value::Object(entries) => {
            entries.values_mut().for_each(drop_null);
            if let Some(Value::Array(types)) = entries.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    entries.insert("type".to_owned(), only);
                }
            }
            let null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
            let Some(Value::Array(variants)) = entries.get_mut("oneOf") else {
                return;
            };
            let count = variants.len();
            variants.retain(|schema| !null(schema));
            if let ([Value::Object(only)], true) = (variants.as_slice(), variants.len() < count) {
                let only = only.clone();
                entries.remove("oneOf");
                entries.extend(only);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
