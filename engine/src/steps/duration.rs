//! Durations of steps that wait: fixed in the spec, or from a template.

use std::time::Duration;

use mobius_types::{Timestamp, parse_duration};
use serde_json::Value;

use crate::{
    budget::Budget,
    expression::Fault,
    json::kind,
    problem::{Path, Problems},
    scope::Scope,
    template::Template,
};

/// Longer texts are not shown in errors and not kept in states.
const MAX_TEXT_BYTES: usize = 100;

/// A duration that is known when the step is entered.
#[derive(Debug)]
pub(crate) struct DurationTemplate {
    text: Template,
    least: Least,
}

/// Whether a duration may be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    Zero,
    MoreThanZero,
}

/// A duration with its text.
#[derive(Debug)]
pub(crate) struct WrittenDuration {
    pub(crate) text: String,
    duration: Duration,
}

impl WrittenDuration {
    pub(crate) const fn is_zero(&self) -> bool {
        self.duration.is_zero()
    }

    /// When it is over.
    pub(crate) fn end(&self, now: Timestamp) -> Result<Timestamp, Fault> {
        let end = chrono::TimeDelta::from_std(self.duration)
            .ok()
            .and_then(|duration| now.checked_add_signed(duration));
        end.ok_or_else(|| Fault::Failed(format!("`{}` ends in no year that exists", self.text)))
    }
}

impl DurationTemplate {
    /// A text without an expression is checked at once.
    pub(super) fn compile(
        path: &Path<'_>,
        text: &str,
        least: Least,
        problems: &mut Problems,
    ) -> Self {
        let template = Template::compile(path, &Value::from(text), problems);
        if let Some(Value::String(text)) = template.as_constant() {
            problems.take(path, parse(text, least));
        }
        Self {
            text: template,
            least,
        }
    }

    pub(super) fn render(
        &self,
        scope: &Scope<'_>,
        budget: &mut Budget,
    ) -> Result<WrittenDuration, Fault> {
        let text = match self.text.render(scope, budget)? {
            Value::String(text) => text,
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => {
                let message = format!(
                    "a duration is not text like `90s`, but of type {}",
                    kind(&other)
                );
                return Err(Fault::Failed(message));
            }
        };
        match parse(&text, self.least) {
            Ok(duration) => Ok(WrittenDuration { text, duration }),
            Err(reason) if text.len() <= MAX_TEXT_BYTES => {
                Err(Fault::Failed(format!("the duration `{text}` {reason}")))
            }
            Err(reason) => Err(Fault::Failed(format!("a duration {reason}"))),
        }
    }
}

fn parse(text: &str, least: Least) -> Result<Duration, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("is longer than {MAX_TEXT_BYTES} bytes"));
    }
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() && least == Least::MoreThanZero {
        return Err("is zero; write a duration like `30s` or `24h`".to_owned());
    }
    Ok(duration)
}
