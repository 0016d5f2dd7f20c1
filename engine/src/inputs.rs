//! Declared inputs: their types, their defaults, and the check of what a start gives.

use std::collections::HashSet;

use mobius_types::{JsonObject, WorkflowInput};
use serde_json::{Number, Value};

use crate::{
    json::{is_too_deep, kind},
    problem::{Path, Problems},
};

/// The type of a declared input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InputType {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
    Any,
}

impl InputType {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "object" => Self::Object,
            "array" => Self::Array,
            "any" => Self::Any,
            _ => return None,
        })
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Any => "any value",
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => whole(value).is_some(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Any => true,
        }
    }

    /// The value if it is of this type; an integer written as `3.0` becomes `3`, so that
    /// expressions see an int.
    fn check(self, value: Value) -> Result<Value, String> {
        if !self.accepts(&value) {
            return Err(format!(
                "is not {}, but of type {}",
                self.expected(),
                kind(&value)
            ));
        }
        if is_too_deep(&value) {
            return Err("is nested deeper than 100 levels".to_owned());
        }
        if self == Self::Integer
            && let Some(number) = whole(&value)
        {
            return Ok(Value::Number(number));
        }
        Ok(value)
    }
}

/// The whole number that a JSON number stands for.
fn whole(value: &Value) -> Option<Number> {
    let Value::Number(number) = value else {
        return None;
    };
    if !number.is_f64() {
        return Some(number.clone());
    }
    let double = number.as_f64().filter(|double| double.fract() == 0.0)?;
    // Doubles up to 2^53 stand for exactly one integer; larger ones stay as they are.
    let exact = double.abs() <= 9_007_199_254_740_992.0;
    Some(if exact {
        Number::from(double as i64)
    } else {
        number.clone()
    })
}

/// The declared inputs of a workflow.
#[derive(Debug, Default)]
pub(crate) struct Inputs(Vec<Input>);

#[derive(Debug)]
struct Input {
    name: String,
    kind: InputType,
    default: Option<Value>,
}

impl Inputs {
    pub(crate) fn compile(declared: &[WorkflowInput], problems: &mut Problems) -> Self {
        let list = Path::Root.field("inputs");
        let mut names = HashSet::new();
        let mut inputs = Vec::with_capacity(declared.len());
        for (index, input) in declared.iter().enumerate() {
            let path = list.index(index);
            if input.name.is_empty() {
                problems.add(&path.field("name"), "is empty");
            } else if !names.insert(input.name.as_str()) {
                let message = format!("`{}` is declared twice", input.name);
                problems.add(&path.field("name"), message);
            }
            inputs.extend(compile_input(&path, input, problems));
        }
        Self(inputs)
    }

    /// Fills defaults in. With no declared inputs, anything goes.
    pub(crate) fn check(&self, mut given: JsonObject) -> Result<JsonObject, Problems> {
        let list = Path::Root.field("inputs");
        let mut problems = Problems::default();
        let mut inputs = JsonObject::new();
        for input in &self.0 {
            let path = list.field(&input.name);
            let value = given.remove(&input.name).map_or_else(
                || input.default.clone().ok_or_else(|| input.missing()),
                |value| input.kind.check(value),
            );
            if let Some(value) = problems.take(&path, value) {
                inputs.insert(input.name.clone(), value);
            }
        }
        for (name, value) in given {
            if !self.0.is_empty() {
                problems.add(&list.field(&name), "is not declared by the workflow");
            } else if let Some(value) =
                problems.take(&list.field(&name), InputType::Any.check(value))
            {
                inputs.insert(name, value);
            }
        }
        problems.into_result(inputs)
    }
}

impl Input {
    fn missing(&self) -> String {
        format!("is required; give {}", self.kind.expected())
    }
}

fn compile_input(path: &Path<'_>, input: &WorkflowInput, problems: &mut Problems) -> Option<Input> {
    let Some(kind) = InputType::parse(&input.kind) else {
        let message = format!(
            "`{}` is unknown; write one of string, integer, number, boolean, object, array, any",
            input.kind
        );
        problems.add(&path.field("type"), message);
        return None;
    };
    let default = match input.default.clone() {
        Some(default) => Some(problems.take(&path.field("default"), kind.check(default))?),
        None => None,
    };
    Some(Input {
        name: input.name.clone(),
        kind,
        default,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(inputs: Value) -> Result<Inputs, Problems> {
        let inputs: Vec<WorkflowInput> = serde_json::from_value(inputs).unwrap();
        let mut problems = Problems::default();
        let inputs = Inputs::compile(&inputs, &mut problems);
        problems.into_result(inputs)
    }

    fn object(value: Value) -> JsonObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_type_accepts_its_values_alone() {
        let values = [
            ("string", json!("a")),
            ("integer", json!(3)),
            ("number", json!(3.5)),
            ("boolean", json!(false)),
            ("object", json!({})),
            ("array", json!([])),
            ("null", json!(null)),
        ];
        for kind in [
            "string", "integer", "number", "boolean", "object", "array", "any",
        ] {
            let inputs = declared(json!([{"name": "x", "type": kind}])).unwrap();
            for (name, value) in &values {
                let accepted = inputs.check(object(json!({"x": value}))).is_ok();
                let expected =
                    kind == "any" || kind == *name || (kind, *name) == ("number", "integer");
                assert_eq!(accepted, expected, "{kind} given {value}");
            }
        }
    }

    #[test]
    fn a_whole_double_is_an_integer() {
        let inputs = declared(json!([{"name": "x", "type": "integer"}])).unwrap();
        let checked = inputs.check(object(json!({"x": 3.0}))).unwrap();
        assert_eq!(checked["x"], json!(3));
        assert!(inputs.check(object(json!({"x": 3.5}))).is_err());
        assert!(inputs.check(object(json!({"x": 1e300}))).is_ok());
    }

    #[test]
    fn defaults_fill_in_what_is_absent_but_not_what_is_null() {
        let inputs = declared(json!([
            {"name": "n", "type": "integer", "default": 0},
            {"name": "v", "type": "any", "default": null},
        ]))
        .unwrap();
        let checked = inputs.check(JsonObject::new()).unwrap();
        assert_eq!(Value::Object(checked), json!({"n": 0, "v": null}));
        let problems = inputs.check(object(json!({"n": null}))).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "inputs.n: is not an integer, but of type null"
        );
    }

    #[test]
    fn every_problem_of_the_given_inputs_is_named() {
        let inputs = declared(json!([
            {"name": "a", "type": "string"},
            {"name": "b", "type": "array"},
        ]))
        .unwrap();
        let problems = inputs.check(object(json!({"b": 1, "c": 2}))).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "inputs.a: is required; give a string; \
             inputs.b: is not an array, but of type int; \
             inputs.c: is not declared by the workflow"
        );
    }

    #[test]
    fn without_declared_inputs_anything_goes() {
        let inputs = declared(json!([])).unwrap();
        let given = object(json!({"x": [1], "y": null}));
        assert_eq!(inputs.check(given.clone()).unwrap(), given);
    }

    #[test]
    fn wrong_declarations_are_problems() {
        let problems = declared(json!([
            {"name": "a", "type": "text"},
            {"name": "a", "type": "string", "default": 1},
            {"name": "", "type": "any"},
        ]))
        .unwrap_err();
        let paths: Vec<_> = problems
            .0
            .iter()
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "inputs[0].type",
                "inputs[1].name",
                "inputs[1].default",
                "inputs[2].name"
            ]
        );
    }
}
