//! How the jobs of a run are to be claimed: what a workflow and a start may say of it, and what the
//! two come to for one run.

use mobius_types::{
    JobOptions, JsonObject, MAX_CONCURRENCY, MAX_NAME_CHARS, MAX_PRIORITY, MAX_RATE,
    MAX_RATE_SECONDS, WorkflowSpec,
};
use serde_json::Value;

use crate::{
    budget::Budget,
    expression::Fault,
    json::kind,
    problem::{Path, Problems},
    run::RunFacts,
    scope::{RunObject, Scope},
    template::Template,
};

/// The field that is a template in a workflow.
const KEY: &str = "concurrency_key";

/// What a workflow says, with its key compiled.
#[derive(Debug, Default)]
pub(crate) struct CompiledOptions {
    key: Option<Template>,
}

impl CompiledOptions {
    pub(crate) fn compile(spec: &WorkflowSpec, problems: &mut Problems) -> Self {
        check_numbers(&spec.job_options(), problems);
        let path = Path::Root.field(KEY);
        let key = spec.concurrency_key.as_ref().map(|key| {
            let template = Template::compile(&path, &Value::from(key.as_str()), problems);
            if let Some(Value::String(constant)) = template.as_constant() {
                problems.take(&path, check_key(constant));
            }
            template
        });
        Self { key }
    }

    /// The key of one run.
    pub(crate) fn key(
        &self,
        inputs: &JsonObject,
        facts: &RunFacts,
    ) -> Result<Option<String>, Problems> {
        let Some(template) = &self.key else {
            return Ok(None);
        };
        let (nothing, run) = (JsonObject::new(), RunObject::new(facts));
        let scope = Scope::new(inputs, &nothing, &run);
        let rendered = template.render(&scope, &mut Budget::of_step());
        let mut problems = Problems::default();
        let key = problems.take(
            &Path::Root.field(KEY),
            rendered.map_err(said).and_then(text),
        );
        problems.into_result(key)
    }
}

/// Checks what a start says.
///
/// # Errors
/// Everything that is out of bounds, each with its field.
pub fn check_job_options(options: &JobOptions) -> Result<(), Problems> {
    let mut problems = Problems::default();
    check_numbers(options, &mut problems);
    if let Some(key) = &options.concurrency_key {
        problems.take(&Path::Root.field(KEY), check_key(key));
    }
    problems.into_result(())
}

fn check_numbers(options: &JobOptions, problems: &mut Problems) {
    let mut check = |path: Path<'_>, value: Option<i64>, least: i64, most: i64| {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            problems.add(&path, format!("must be {least} to {most}"));
        }
    };
    let root = Path::Root;
    check(
        root.field("priority"),
        options.priority,
        -MAX_PRIORITY,
        MAX_PRIORITY,
    );
    check(
        root.field("max_concurrency"),
        options.max_concurrency,
        1,
        MAX_CONCURRENCY,
    );
    let rate = root.field("rate_limit");
    let limit = options.rate_limit.map(|rate| rate.limit);
    check(rate.field("limit"), limit, 1, MAX_RATE);
    let seconds = options.rate_limit.map(|rate| rate.per_seconds);
    check(rate.field("per_seconds"), seconds, 1, MAX_RATE_SECONDS);
}

fn check_key(key: &str) -> Result<(), String> {
    match key.chars().count() {
        _ if key.contains('\0') => Err("must not contain NUL".to_owned()),
        1..=MAX_NAME_CHARS => Ok(()),
        count => Err(format!(
            "must have 1 to {MAX_NAME_CHARS} characters, not {count}"
        )),
    }
}

/// What a template gives is a key when it is text, or a number or boolean, which is written out.
fn text(value: Value) -> Result<String, String> {
    let key = match value {
        Value::String(key) => key,
        plain @ (Value::Number(_) | Value::Bool(_)) => plain.to_string(),
        other @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
            return Err(format!("must be text, but is of type {}", kind(&other)));
        }
    };
    check_key(&key).map(|()| key)
}

fn said(fault: Fault) -> String {
    match fault {
        Fault::Failed(reason) => reason,
        Fault::Exhausted => "takes too much work".to_owned(),
    }
}
