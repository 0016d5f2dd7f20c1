//! Steps that wait for a signal.
//!
//! The oldest signal of the name that nothing has consumed is taken at once, else the branch waits
//! until one comes or the time is over.

use mobius_types::{MAX_SIGNAL_NAME_BYTES, WorkflowWaitSignalConfig};
use serde_json::Value;

use super::{
    Entered, Entry, Names, check_store,
    duration::{DurationTemplate, Least},
};
use crate::{
    expression::Fault,
    problem::{Path, Problems},
    template::Template,
    waiting::Waiting,
};

/// A compiled step that waits for a signal.
#[derive(Debug)]
pub(crate) struct WaitSignalStep {
    topic: Template,
    timeout: DurationTemplate,
    /// The variable that takes the payload.
    pub(crate) store: Option<String>,
    /// The index of the step that goes on when no signal came.
    pub(crate) on_timeout: Option<usize>,
}

pub(super) fn compile(
    path: &Path<'_>,
    config: &WorkflowWaitSignalConfig,
    names: &Names<'_>,
    problems: &mut Problems,
) -> WaitSignalStep {
    let topic_path = path.field("topic");
    let topic = Template::compile(&topic_path, &Value::from(config.topic.as_str()), problems);
    if let Some(Value::String(text)) = topic.as_constant() {
        problems.take(&topic_path, check_topic(text));
    }
    check_store(path, config.store.as_deref(), problems);
    WaitSignalStep {
        topic,
        timeout: DurationTemplate::compile(
            &path.field("timeout"),
            &config.timeout,
            Least::MoreThanZero,
            problems,
        ),
        store: config.store.clone(),
        on_timeout: names.resolve_optional(
            &path.field("on_timeout"),
            config.on_timeout.as_deref(),
            problems,
        ),
    }
}

impl WaitSignalStep {
    pub(crate) fn enter(&self, entry: &mut Entry<'_>) -> Result<Entered, Fault> {
        let topic = self.topic.render(&entry.scope, entry.budget)?;
        let name = topic_text(topic)?;
        check_topic(&name).map_err(|reason| Fault::Failed(format!("the topic {reason}")))?;
        let timeout = self.timeout.render(&entry.scope, entry.budget)?;
        let until = timeout.end(entry.now)?;
        Ok(Entered::Waits(
            Waiting::Signal {
                name,
                until,
                timeout: timeout.text,
            },
            Vec::new(),
        ))
    }
}

/// A number is a name, too, such as that of an order.
fn topic_text(topic: Value) -> Result<String, Fault> {
    match topic {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            let kind = crate::json::kind(&other);
            let message = format!("the topic is not text, but of type {kind}");
            Err(Fault::Failed(message))
        }
    }
}

fn check_topic(topic: &str) -> Result<(), String> {
    // The API takes no signal of such a name.
    if topic.trim().is_empty() {
        return Err("is empty; name the signal to wait for".to_owned());
    }
    if topic.len() > MAX_SIGNAL_NAME_BYTES {
        return Err(format!("is longer than {MAX_SIGNAL_NAME_BYTES} bytes"));
    }
    Ok(())
}
