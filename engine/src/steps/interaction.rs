//! Steps that ask a person or a group.

use std::collections::HashSet;

use mobius_types::{
    JsonObject, Timestamp, WorkflowInteractionConfig, WorkflowInteractionMode,
    WorkflowInteractionSpec,
};
use serde_json::Value;

use super::{
    Entered, Entry, Names, check_store,
    duration::{DurationTemplate, Least},
};
use crate::{
    action::{Action, NewInteraction},
    expression::Fault,
    json::{is_too_deep, written_object_size},
    problem::{Path, Problems},
    template::Template,
    waiting::Waiting,
};

/// What people are shown is a row of a table and goes out in messages.
const MAX_SHOWN_BYTES: u64 = 256 * 1024;

/// A compiled step that asks somebody.
#[derive(Debug)]
pub(crate) struct InteractionStep {
    config: WorkflowInteractionConfig,
    message: Template,
    context: Option<Template>,
    timeout: DurationTemplate,
    /// The index of the step that goes on when nobody answered.
    pub(crate) on_timeout: Option<usize>,
}

pub(super) fn compile(
    path: &Path<'_>,
    config: &WorkflowInteractionConfig,
    names: &Names<'_>,
    problems: &mut Problems,
) -> InteractionStep {
    let message_path = path.field("message");
    if config.message.is_empty() {
        problems.add(&message_path, "is empty; say what is asked");
    }
    let message = Value::from(config.message.as_str());
    let message = Template::compile(&message_path, &message, problems);
    let context_path = path.field("context");
    let context = config.context.as_ref();
    let context = context.map(|fields| Template::compile_object(&context_path, fields, problems));
    if config.target.id.is_empty() {
        let target = path.field("target");
        problems.add(&target.field("id"), "is empty; say who is asked");
    }
    if let Some(spec) = &config.spec {
        check_spec(&path.field("spec"), spec, problems);
    }
    check_store(path, config.store.as_deref(), problems);
    InteractionStep {
        message,
        context,
        timeout: DurationTemplate::compile(
            &path.field("timeout"),
            &config.timeout,
            Least::MoreThanZero,
            problems,
        ),
        on_timeout: names.resolve_optional(
            &path.field("on_timeout"),
            config.on_timeout.as_deref(),
            problems,
        ),
        config: config.clone(),
    }
}

/// The choices that a question offers are told apart by their values, and its defaults are among
/// them.
fn check_spec(path: &Path<'_>, spec: &WorkflowInteractionSpec, problems: &mut Problems) {
    let chooses = match spec.mode {
        WorkflowInteractionMode::Select | WorkflowInteractionMode::MultiSelect => true,
        WorkflowInteractionMode::Confirm | WorkflowInteractionMode::Input => false,
    };
    let list = path.field("options");
    if chooses && spec.options.is_empty() {
        problems.add(&list, "is empty; a selection needs something to select");
    }
    let mut values = HashSet::new();
    for (at, option) in spec.options.iter().enumerate() {
        if !values.insert(option.value.as_str()) {
            let message = format!("`{}` is the value of another option already", option.value);
            problems.add(&list.index(at).field("value"), message);
        }
    }
    if !chooses {
        return;
    }
    let defaults = spec
        .default_value
        .iter()
        .map(|value| ("default_value", value));
    let several = spec.default_values.iter().flatten();
    let several = several.map(|value| ("default_values", value));
    for (field, value) in defaults.chain(several) {
        if !values.contains(value.as_str()) {
            problems.add(&path.field(field), format!("`{value}` is no option"));
        }
    }
}

impl InteractionStep {
    /// Asks, and waits for the answer.
    pub(crate) fn enter(&self, entry: &mut Entry<'_>) -> Result<Entered, Fault> {
        let timeout = self.timeout.render(&entry.scope, entry.budget)?;
        let until = timeout.end(entry.now)?;
        let question = self.open(entry, until, &timeout.text)?;
        let waiting = Waiting::Answer {
            until,
            timeout: timeout.text,
        };
        Ok(Entered::Waits(waiting, vec![question]))
    }

    /// The question as it is put, for a first time or again after a retry of the run.
    pub(crate) fn open(
        &self,
        entry: &mut Entry<'_>,
        expires_at: Timestamp,
        timeout: &str,
    ) -> Result<Action, Fault> {
        let message = match self.message.render(&entry.scope, entry.budget)? {
            Value::String(text) => text,
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other.to_string(),
        };
        let context = match &self.context {
            Some(context) => Some(object(context.render(&entry.scope, entry.budget)?)?),
            None => None,
        };
        let size = message.len() as u64 + context.as_ref().map_or(0, written_object_size);
        if size > MAX_SHOWN_BYTES {
            let message = "the message and its context are larger than 256 KiB";
            return Err(Fault::Failed(message.to_owned()));
        }
        Ok(Action::OpenInteraction(NewInteraction {
            job: entry.job.clone(),
            step: entry.step.to_owned(),
            config: Box::new(WorkflowInteractionConfig {
                message,
                context,
                timeout: timeout.to_owned(),
                ..self.config.clone()
            }),
            expires_at,
        }))
    }

    /// The variable that takes the answer, in the step of this name.
    pub(crate) fn store<'s>(&'s self, step: &'s str) -> &'s str {
        self.config.store.as_deref().unwrap_or(step)
    }
}

fn object(value: Value) -> Result<JsonObject, Fault> {
    if is_too_deep(&value) {
        let message = "the context is nested deeper than 100 levels";
        return Err(Fault::Failed(message.to_owned()));
    }
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(JsonObject::new())
        }
    }
}
