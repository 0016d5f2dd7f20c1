//! The steps of a definition: what all kinds share, and a file for each kind.
//!
//! A step is compiled into what it does (`StepKind`) and where its branch goes next (`Edge`).
//! Adding a kind: a file here, a variant of [`StepKind`], and its arm in `compile_kind` and in
//! every `match` that the compiler then points at. Fields that
//! only some kinds read stand in the table of `fields`.

pub(crate) mod action;
mod duration;
pub(crate) mod each;
mod fields;
pub(crate) mod interaction;
pub(crate) mod join;
mod run_workflow;
mod server;
pub(crate) mod sleep;
pub(crate) mod wait_signal;

use std::collections::BTreeMap;

use mobius_types::{Timestamp, WorkflowEdgeMatchingStrategy, WorkflowStep};
use serde_json::Value;

use crate::{
    action::Action,
    budget::Budget,
    event::JobRef,
    expression::{Expression, Fault},
    graph::StepIndex,
    name::is_bare_name,
    problem::{Path, Problems},
    scope::Scope,
    waiting::Waiting,
};
pub use run_workflow::check_run_workflow;

use action::ActionStep;
use interaction::InteractionStep;
use join::JoinStep;
use sleep::SleepStep;
use wait_signal::WaitSignalStep;

/// A compiled step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) kind: StepKind,
    pub(crate) edges: Vec<Edge>,
    /// Whether only the first edge that matches is followed.
    pub(crate) first_only: bool,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum StepKind {
    /// Hands an action to a worker or to the control plane, once or for each of several items.
    Action(ActionStep),
    /// Waits for other branches.
    Join(JoinStep),
    /// Waits for a signal.
    WaitSignal(WaitSignalStep),
    /// Waits for a time.
    Sleep(SleepStep),
    /// Waits for an operator.
    Pause,
    /// Asks a person or a group.
    Interaction(Box<InteractionStep>),
}

impl Step {
    /// The edges whose condition holds, or the first of them.
    pub(crate) fn follow(
        &self,
        scope: &Scope<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<&Edge>, Fault> {
        let mut followed = Vec::new();
        for edge in &self.edges {
            let holds = match &edge.condition {
                Some(condition) => condition.holds(scope, budget)?,
                None => true,
            };
            if holds {
                followed.push(edge);
            }
            if holds && self.first_only {
                break;
            }
        }
        Ok(followed)
    }
}

impl StepKind {
    /// The step, if it runs an action.
    pub(crate) const fn as_action(&self) -> Option<&ActionStep> {
        match self {
            Self::Action(action) => Some(action),
            Self::Join(_)
            | Self::WaitSignal(_)
            | Self::Sleep(_)
            | Self::Pause
            | Self::Interaction(_) => None,
        }
    }

    /// The index of the step that goes on when a wait took too long.
    pub(crate) const fn on_timeout(&self) -> Option<usize> {
        match self {
            Self::WaitSignal(wait) => wait.on_timeout,
            Self::Interaction(interaction) => interaction.on_timeout,
            Self::Action(_) | Self::Join(_) | Self::Sleep(_) | Self::Pause => None,
        }
    }

    /// The step, if it waits for other branches.
    pub(crate) const fn as_join(&self) -> Option<&JoinStep> {
        match self {
            Self::Join(join) => Some(join),
            Self::Action(_)
            | Self::WaitSignal(_)
            | Self::Sleep(_)
            | Self::Pause
            | Self::Interaction(_) => None,
        }
    }
}

/// A way to the next step.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) condition: Option<Expression>,
    /// The index of the step it leads to.
    pub(crate) step: usize,
    pub(crate) branch: Option<String>,
}

/// A step execution that begins.
pub(crate) struct Entry<'e> {
    pub(crate) job: JobRef,
    /// The step's name.
    pub(crate) step: &'e str,
    pub(crate) scope: Scope<'e>,
    pub(crate) budget: &'e mut Budget,
    pub(crate) now: Timestamp,
}

/// How a step execution goes on.
pub(crate) enum Entered {
    /// The branch waits, and this is to be done. A timer needs no mention.
    Waits(Waiting, Vec<Action>),
    /// The step is done, and gives this variable, if any.
    Passes(Option<(String, Value)>),
}

/// What the steps of a spec can refer to.
pub(crate) struct Names<'n> {
    pub(crate) steps: &'n StepIndex<'n>,
    /// The branches that edges start.
    pub(crate) branches: &'n BTreeMap<String, usize>,
}

impl Names<'_> {
    /// The index of a step that may be left out.
    fn resolve_optional(
        &self,
        path: &Path<'_>,
        name: Option<&str>,
        problems: &mut Problems,
    ) -> Option<usize> {
        name.map(|name| self.steps.resolve(path, name, problems))
    }
}

/// The kinds that a spec can name, by the field that names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Action,
    Join,
    WaitSignal,
    Sleep,
    Pause,
    Interaction,
}

impl Kind {
    const fn field(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Join => "join",
            Self::WaitSignal => "wait_signal",
            Self::Sleep => "sleep",
            Self::Pause => "pause",
            Self::Interaction => "interaction",
        }
    }

    /// Every kind that the step names; exactly one is right.
    fn all_of(step: &WorkflowStep) -> Vec<Self> {
        let named = [
            (Self::Action, step.action.is_some()),
            (Self::Join, step.join.is_some()),
            (Self::WaitSignal, step.wait_signal.is_some()),
            (Self::Sleep, step.sleep.is_some()),
            (Self::Pause, step.pause.is_some()),
            (Self::Interaction, step.interaction.is_some()),
        ];
        let named = named.into_iter().filter(|(_, is_named)| *is_named);
        named.map(|(kind, _)| kind).collect()
    }
}

/// Compiles a step; none if it has a problem that leaves nothing to run.
pub(crate) fn compile(
    path: &Path<'_>,
    step: &WorkflowStep,
    names: &Names<'_>,
    problems: &mut Problems,
) -> Option<Step> {
    let edges = compile_edges(path, step, names.steps, problems);
    let kind = compile_kind(path, step, names, problems)?;
    let strategy = step.edge_matching_strategy;
    Some(Step {
        name: step.name.clone(),
        kind,
        edges,
        first_only: strategy == Some(WorkflowEdgeMatchingStrategy::First),
    })
}

fn compile_kind(
    path: &Path<'_>,
    step: &WorkflowStep,
    names: &Names<'_>,
    problems: &mut Problems,
) -> Option<StepKind> {
    let kinds = Kind::all_of(step);
    fields::check(path, step, &kinds, problems);
    let kind = one_of(path, &kinds, problems)?;
    let place = path.field(kind.field());
    Some(match kind {
        Kind::Action => StepKind::Action(action::compile(path, step, names, problems)),
        Kind::Join => StepKind::Join(join::compile(&place, step.join.as_ref()?, names, problems)),
        Kind::WaitSignal => {
            let config = step.wait_signal.as_ref()?;
            StepKind::WaitSignal(wait_signal::compile(&place, config, names, problems))
        }
        Kind::Sleep => StepKind::Sleep(sleep::compile(&place, step.sleep.as_ref()?, problems)),
        Kind::Pause => StepKind::Pause,
        Kind::Interaction => {
            let config = step.interaction.as_ref()?;
            let step = interaction::compile(&place, config, names, problems);
            StepKind::Interaction(Box::new(step))
        }
    })
}

/// The kind of a step that is of exactly one.
fn one_of(path: &Path<'_>, kinds: &[Kind], problems: &mut Problems) -> Option<Kind> {
    match kinds {
        [kind] => Some(*kind),
        [] => {
            let message = "does nothing; it needs one of action, join, wait_signal, sleep, pause, \
                           interaction";
            problems.add(path, message);
            None
        }
        several => {
            let fields: Vec<_> = several.iter().map(|kind| kind.field()).collect();
            let message = format!(
                "has {} at once; a step is of one kind",
                fields.join(" and ")
            );
            problems.add(path, message);
            None
        }
    }
}

/// Variables are set by their bare name.
fn check_store(path: &Path<'_>, store: Option<&str>, problems: &mut Problems) {
    if store.is_some_and(|name| !is_bare_name(name)) {
        let message = "is not the name of a variable; write letters, digits and `_`, \
                       without `state.` before it";
        problems.add(&path.field("store"), message);
    }
}

fn compile_edges(
    path: &Path<'_>,
    step: &WorkflowStep,
    index: &StepIndex<'_>,
    problems: &mut Problems,
) -> Vec<Edge> {
    let list = path.field("next");
    let mut edges = Vec::with_capacity(step.next.len());
    for (at, edge) in step.next.iter().enumerate() {
        let path = list.index(at);
        let target = index.resolve(&path.field("step"), &edge.step, problems);
        let condition = edge.condition.as_deref().map(|source| {
            problems.take(&path.field("condition"), Expression::compile(bare(source)))
        });
        edges.push(Edge {
            condition: condition.flatten(),
            step: target,
            branch: edge.branch.clone(),
        });
    }
    edges
}

/// A condition is an expression by itself; `${…}` around all of it is accepted, too.
fn bare(source: &str) -> &str {
    let inner = source.trim().strip_prefix("${");
    inner
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(source)
}
