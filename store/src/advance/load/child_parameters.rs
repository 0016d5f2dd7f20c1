//! The parameters of the action that starts a child, with each fault named by its field.

use std::collections::BTreeMap;

use mobius_types::JsonObject;
use serde_json::Value;

/// What is asked for.
#[derive(Default)]
pub(super) struct ChildParameters {
    /// The handle or id of the workflow.
    pub(super) workflow: String,
    pub(super) inputs: JsonObject,
    pub(super) queue: Option<String>,
    pub(super) version: Option<i32>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) external_id: Option<String>,
}

impl ChildParameters {
    /// Reads them. `null` is the same as absent.
    pub(super) fn parse(given: &JsonObject) -> Result<Self, String> {
        let mut parameters = Self::default();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            let taken = parameters.take(name, value);
            taken.map_err(|expected| format!("{name}: {expected}"))?;
        }
        if parameters.workflow.is_empty() {
            return Err("workflow: is required, the handle or id of a workflow".to_owned());
        }
        Ok(parameters)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), &'static str> {
        match name {
            "workflow" => {
                self.workflow = text(value).ok_or("must be the handle or id of a workflow")?
            }
            "queue" => self.queue = Some(text(value).ok_or("must be the name of a queue")?),
            "external_id" => self.external_id = Some(text(value).ok_or("must be a text")?),
            "inputs" => {
                let inputs = value.as_object().ok_or("must be an object")?;
                self.inputs = inputs.clone();
            }
            "version" => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
                self.version = Some(number.ok_or("must be the number of a version")?);
            }
            "metadata" => {
                let fields = value.as_object().ok_or("must be an object of texts")?;
                let texts = fields
                    .iter()
                    .map(|(key, value)| Some((key.clone(), text(value)?)));
                let texts: Option<_> = texts.collect();
                self.metadata = Some(texts.ok_or("must be an object of texts")?);
            }
            _ => return Err("is no parameter of this action"),
        }
        Ok(())
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_fault_names_its_field() {
        for (given, fault) in [
            (json!({}), "workflow: is required"),
            (json!({"workflow": 1}), "workflow: must be"),
            (
                json!({"workflow": "w", "inputs": "x"}),
                "inputs: must be an object",
            ),
            (
                json!({"workflow": "w", "version": "1"}),
                "version: must be the number",
            ),
            (
                json!({"workflow": "w", "version": 1.5}),
                "version: must be the number",
            ),
            (
                json!({"workflow": "w", "metadata": {"a": 1}}),
                "metadata: must be",
            ),
            (
                json!({"workflow": "w", "external_id": 1}),
                "external_id: must be a text",
            ),
            (
                json!({"workflow": "w", "input": {}}),
                "input: is no parameter",
            ),
        ] {
            let Value::Object(given) = given else {
                unreachable!()
            };
            let refused = ChildParameters::parse(&given).err().unwrap();
            assert!(refused.starts_with(fault), "{refused}");
        }
    }
}
