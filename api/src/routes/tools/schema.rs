//! The JSON Schema (draft 7) of a workflow's inputs. Pure.
//!
//! It says what a start checks: a workflow that declares inputs takes no others, one that declares
//! none takes any.

use mobius_types::{JsonObject, WorkflowInput};
use serde_json::{Value, json};

/// The schema of the object that a start takes as its inputs.
pub(super) fn of_inputs(inputs: &[WorkflowInput]) -> JsonObject {
    let properties = inputs.iter().map(|input| (input.name.clone(), of(input)));
    let required = inputs.iter().filter(|input| input.default.is_none());
    let required: Vec<&str> = required.map(|input| input.name.as_str()).collect();
    let mut schema = JsonObject::new();
    schema.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties.collect()));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if !inputs.is_empty() {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    schema
}

fn of(input: &WorkflowInput) -> Value {
    let mut schema = JsonObject::new();
    // The other types are called as JSON Schema calls them; any value needs no word.
    if input.kind != "any" {
        schema.insert("type".to_owned(), json!(input.kind));
    }
    if let Some(description) = &input.description {
        schema.insert("description".to_owned(), json!(description));
    }
    if let Some(default) = &input.default {
        schema.insert("default".to_owned(), default.clone());
    }
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(declared: Value) -> Vec<WorkflowInput> {
        serde_json::from_value(declared).unwrap()
    }

    #[test]
    fn types_defaults_and_descriptions_are_told() {
        let schema = of_inputs(&inputs(json!([
            {"name": "city", "type": "string", "description": "Where."},
            {"name": "days", "type": "integer", "default": 3},
            {"name": "extra", "type": "any", "default": null},
            {"name": "tags", "type": "array"},
        ])));
        assert_eq!(
            Value::Object(schema),
            json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Where."},
                    "days": {"type": "integer", "default": 3},
                    "extra": {"default": null},
                    "tags": {"type": "array"},
                },
                "required": ["city", "tags"],
                "additionalProperties": false,
            })
        );
    }

    #[test]
    fn a_workflow_without_inputs_takes_any_object() {
        let schema = of_inputs(&[]);
        assert_eq!(schema["properties"], json!({}));
        // Draft 4 forbids an empty `required`, and some clients still check by it.
        assert!(schema.get("required").is_none());
        assert!(schema.get("additionalProperties").is_none());
    }
}
