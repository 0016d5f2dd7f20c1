//! Refuses joins that can never pass. Only what is certain: conditions may hold or not, so every
//! edge counts as one that may be followed.

use mobius_types::{WorkflowSpec, WorkflowStep};

use super::{StepIndex, targets};
use crate::problem::{Path, Problems};

/// Reports the joins for which too few of the listed branches can complete before they pass.
pub(crate) fn check_joins(
    spec: &WorkflowSpec,
    start: usize,
    index: &StepIndex<'_>,
    problems: &mut Problems,
) {
    let list = Path::Root.field("steps");
    for (at, step) in spec.steps.iter().enumerate() {
        let Some(join) = &step.join else {
            continue;
        };
        let listed = join.branches.as_deref().unwrap_or_default();
        let before = reached_without(spec, start, at, index);
        let is_lost = |branch: &&String| never_completes(spec, at, branch, &before, index);
        let lost: Vec<_> = listed.iter().filter(is_lost).collect();
        let count = join.count.and_then(|count| usize::try_from(count).ok());
        let needed = count.unwrap_or(listed.len()).min(listed.len());
        if let Some(first) = lost.first()
            && listed.len() - lost.len() < needed
        {
            let message = format!(
                "can never complete as many as the step needs: branch `{first}` waits for this \
                 step itself"
            );
            let step = list.index(at);
            problems.add(&step.field("join").field("branches"), message);
        }
    }
}

/// Which steps a run can come to before anything has left the step `without`.
fn reached_without(
    spec: &WorkflowSpec,
    start: usize,
    without: usize,
    index: &StepIndex<'_>,
) -> Vec<bool> {
    let mut reached = vec![false; spec.steps.len()];
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let Some(step) = spec.steps.get(at).filter(|_| !reached[at]) else {
            continue;
        };
        reached[at] = true;
        if at != without {
            pending.extend(targets(step).filter_map(|name| index.get(name)));
        }
    }
    reached
}

/// Whether the branch can't complete before the join passes: each edge that starts it lies behind the
/// join, or leads nowhere else than into the join.
fn never_completes(
    spec: &WorkflowSpec,
    join: usize,
    branch: &str,
    before: &[bool],
    index: &StepIndex<'_>,
) -> bool {
    let starts = |(at, step): (usize, &'_ WorkflowStep)| {
        let edges = step.next.iter();
        let edges = edges.filter(|edge| edge.branch.as_deref() == Some(branch));
        edges
            .filter_map(|edge| index.get(&edge.step))
            .map(|first| (at, first))
            .collect::<Vec<_>>()
    };
    let starts: Vec<_> = spec.steps.iter().enumerate().flat_map(starts).collect();
    let is_lost = |(source, first): &(usize, usize)| {
        *source == join || !before[*source] || must_come_to(spec, *first, join, index)
    };
    // An unknown branch is reported as such.
    !starts.is_empty() && starts.iter().all(is_lost)
}

/// Whether a branch has no other way from the one step than to the other.
fn must_come_to(spec: &WorkflowSpec, from: usize, to: usize, index: &StepIndex<'_>) -> bool {
    let mut at = from;
    for _ in &spec.steps {
        if at == to {
            return true;
        }
        let mut ways = targets(&spec.steps[at]);
        let (Some(only), None) = (ways.next(), ways.next()) else {
            return false;
        };
        let goes_on = |edge: &mobius_types::WorkflowEdge| {
            edge.condition.is_none() && edge.branch.is_none() && edge.step == *only
        };
        let Some(next) = index
            .get(only)
            .filter(|_| spec.steps[at].next.iter().all(goes_on))
        else {
            return false;
        };
        at = next;
    }
    false
}
