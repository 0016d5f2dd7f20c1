//! The steps of a definition: what all kinds share, and a file for each kind.
//!
//! A step is compiled into what it does (`StepKind`) and where its branch goes next (`Edge`).
//! Adding a kind: a file here, a variant of [`StepKind`], and its arm in `compile_kind` and in
//! every `match` that the compiler then points at.

pub(crate) mod action;

use mobius_types::{WorkflowEdgeMatchingStrategy, WorkflowStep};

use crate::{
    expression::Expression,
    graph::StepIndex,
    problem::{Path, Problems},
};
use action::ActionStep;

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
    /// Hands an action to a worker.
    Action(ActionStep),
}

/// A way to the next step.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) condition: Option<Expression>,
    /// The index of the step it leads to.
    pub(crate) step: usize,
    pub(crate) branch: Option<String>,
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
    index: &StepIndex<'_>,
    problems: &mut Problems,
) -> Option<Step> {
    if step.each.is_some() {
        problems.add(&path.field("each"), "each is not available in this version");
    }
    let edges = compile_edges(path, step, index, problems);
    let kind = compile_kind(path, step, index, problems)?;
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
    index: &StepIndex<'_>,
    problems: &mut Problems,
) -> Option<StepKind> {
    let kinds = Kind::all_of(step);
    if !kinds.contains(&Kind::Action) {
        refuse_error_handling(path, step, problems);
    }
    let kind = match kinds.as_slice() {
        [kind] => *kind,
        [] => {
            let message = "does nothing; it needs one of action, join, wait_signal, sleep, pause, \
                           interaction";
            problems.add(path, message);
            return None;
        }
        several => {
            let fields: Vec<_> = several.iter().map(|kind| kind.field()).collect();
            let message = format!(
                "has {} at once; a step is of one kind",
                fields.join(" and ")
            );
            problems.add(path, message);
            return None;
        }
    };
    match kind {
        Kind::Action => {
            let step = action::compile(path, step, index, problems);
            Some(StepKind::Action(step))
        }
        Kind::Join | Kind::WaitSignal | Kind::Sleep | Kind::Pause | Kind::Interaction => {
            let message = format!("{} steps are not available in this version", kind.field());
            problems.add(&path.field(kind.field()), message);
            None
        }
    }
}

/// Only an action has attempts that can fail.
fn refuse_error_handling(path: &Path<'_>, step: &WorkflowStep, problems: &mut Problems) {
    for (field, is_given) in [
        ("retry", !step.retry.is_empty()),
        ("catch", !step.catch.is_empty()),
    ] {
        if is_given {
            problems.add(
                &path.field(field),
                "is possible on steps with an action only",
            );
        }
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
