//! Steps that hand an action to a worker or to the control plane.
//!
//! Entering one makes a job, or with `each` a job for each item. Before a retry policy holds, an attempt may take as long as the first
//! policy with a `timeout` says; then what the policy itself says.

use std::time::Duration;

use mobius_types::{JsonObject, WorkflowActionKind, WorkflowStep};
use serde_json::Value;

use super::{Entered, Entry, Names, check_store, each, each::EachStep, server};
use crate::{
    action::{Action, NewJob},
    budget::Budget,
    expression::Fault,
    failure::Matcher,
    graph::check_name,
    json::{check_nesting, is_too_deep},
    problem::{Path, Problems},
    retry::{self, RetryPolicy},
    scope::Scope,
    template::Template,
    waiting::Waiting,
};

/// A compiled action step.
#[derive(Debug)]
pub(crate) struct ActionStep {
    pub(crate) action: String,
    /// The variable that takes the result.
    pub(crate) store: Option<String>,
    parameters: Template,
    pub(crate) retry: Vec<RetryPolicy>,
    pub(crate) catch: Vec<Catch>,
    /// How long an attempt may take before a policy holds.
    pub(crate) timeout: Option<Duration>,
    /// How many attempts a new job may have.
    pub(crate) max_attempts: i32,
    /// Whether the control plane runs the action.
    pub(crate) server: bool,
    /// The items, when there is a job for each.
    pub(crate) each: Option<EachStep>,
}

/// Where the branch goes when the step has failed for good.
#[derive(Debug)]
pub(crate) struct Catch {
    matcher: Matcher,
    /// The index of the step that goes on.
    pub(crate) next: usize,
    /// The variable that takes the error.
    pub(crate) store: Option<String>,
}

impl ActionStep {
    /// Makes a job, or prepares one for each item.
    pub(crate) fn enter(&self, entry: &mut Entry<'_>) -> Result<Entered, Fault> {
        if let Some(each) = &self.each {
            return each.enter(self, entry);
        }
        let job = NewJob {
            job: entry.job.clone(),
            step: entry.step.to_owned(),
            action: self.action.clone(),
            parameters: self.parameters(&entry.scope, entry.budget)?,
            timeout: self.timeout,
            max_attempts: self.max_attempts,
            server: self.server,
        };
        Ok(Entered::Waits(Waiting::Job, vec![Action::EnqueueJob(job)]))
    }

    /// What the action is given.
    pub(crate) fn parameters(
        &self,
        scope: &Scope<'_>,
        budget: &mut Budget,
    ) -> Result<JsonObject, Fault> {
        let rendered = self.parameters.render(scope, budget)?;
        if is_too_deep(&rendered) {
            let message = "the parameters are nested deeper than 100 levels";
            return Err(Fault::Failed(message.to_owned()));
        }
        match rendered {
            Value::Object(parameters) => Ok(parameters),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Ok(JsonObject::new()),
        }
    }

    /// The first clause for errors of this kind.
    pub(crate) fn catch(&self, kind: &str) -> Option<&Catch> {
        self.catch.iter().find(|catch| catch.matcher.matches(kind))
    }
}

/// Compiles an action step.
pub(super) fn compile(
    path: &Path<'_>,
    step: &WorkflowStep,
    names: &Names<'_>,
    problems: &mut Problems,
) -> ActionStep {
    let action = step.action.clone().unwrap_or_default();
    check_name(&path.field("action"), &action, problems);
    let is_server = step.action_kind == Some(WorkflowActionKind::Server);
    server::check(path, step, is_server, problems);
    check_store(path, step.store.as_deref(), problems);
    let parameters = step.parameters.as_ref();
    check_nesting(&path.field("parameters"), parameters, problems);
    let parameters = Template::compile_object(
        &path.field("parameters"),
        parameters.unwrap_or(&JsonObject::new()),
        problems,
    );
    let retry = retry::compile(&path.field("retry"), &step.retry, problems);
    let retries = retry.iter().map(|policy| policy.max_retries).max();
    ActionStep {
        action,
        store: step.store.clone(),
        parameters,
        catch: compile_catch(&path.field("catch"), step, names, problems),
        timeout: retry.iter().find_map(|policy| policy.timeout),
        max_attempts: retries.unwrap_or(0) + 1,
        retry,
        server: is_server,
        each: (step.each.as_ref())
            .map(|config| each::compile(&path.field("each"), config, problems)),
    }
}

fn compile_catch(
    path: &Path<'_>,
    step: &WorkflowStep,
    names: &Names<'_>,
    problems: &mut Problems,
) -> Vec<Catch> {
    let mut clauses = Vec::with_capacity(step.catch.len());
    for (at, clause) in step.catch.iter().enumerate() {
        let path = path.index(at);
        retry::check_patterns(&path.field("error_equals"), &clause.error_equals, problems);
        check_store(&path, clause.store.as_deref(), problems);
        clauses.push(Catch {
            matcher: Matcher::compile(&clause.error_equals),
            next: names
                .steps
                .resolve(&path.field("next"), &clause.next, problems),
            store: clause.store.clone(),
        });
    }
    clauses
}
