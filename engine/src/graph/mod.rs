//! How the steps of a spec hang together: names, targets, reachability, branches.

mod joins;
mod reach;

use std::collections::{BTreeMap, HashMap, HashSet};

use mobius_types::{WorkflowSpec, WorkflowStep};

use crate::problem::{Path, Problems};

pub(crate) use joins::check_joins;
pub(crate) use reach::Reach;

/// The branch that a run starts with.
pub(crate) const MAIN: &str = "main";
const MAX_STEPS: usize = 500;
const MAX_NAME_BYTES: usize = 200;

/// Where each step is, by name.
#[derive(Debug)]
pub(crate) struct StepIndex<'a>(HashMap<&'a str, usize>);

impl<'a> StepIndex<'a> {
    /// Reports names that are missing, too long or used twice; the first use of a name counts.
    pub(crate) fn build(spec: &'a WorkflowSpec, problems: &mut Problems) -> Self {
        let list = Path::Root.field("steps");
        if spec.steps.is_empty() {
            problems.add(&list, "is empty; a workflow needs at least one step");
        }
        if spec.steps.len() > MAX_STEPS {
            problems.add(&list, format!("has more than {MAX_STEPS} steps"));
        }
        let mut index = HashMap::with_capacity(spec.steps.len());
        for (at, step) in spec.steps.iter().enumerate() {
            let path = list.index(at);
            check_name(&path.field("name"), &step.name, problems);
            if let Some(first) = index.get(step.name.as_str()) {
                let message = format!("`{}` is the name of steps[{first}] already", step.name);
                problems.add(&path.field("name"), message);
            } else {
                index.insert(step.name.as_str(), at);
            }
        }
        Self(index)
    }

    /// The index of a step; an unknown name is a problem, and any index stands in.
    pub(crate) fn resolve(&self, path: &Path<'_>, name: &str, problems: &mut Problems) -> usize {
        self.0.get(name).copied().unwrap_or_else(|| {
            problems.add(path, format!("there is no step `{name}`"));
            0
        })
    }

    fn get(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
}

/// Names are shown in lists and kept in indexes, so none may be empty or huge.
pub(crate) fn check_name(path: &Path<'_>, name: &str, problems: &mut Problems) {
    if name.trim().is_empty() {
        problems.add(path, "is empty");
    } else if name.len() > MAX_NAME_BYTES {
        problems.add(path, format!("is longer than {MAX_NAME_BYTES} bytes"));
    }
}

/// The names of the steps that a step can lead to.
fn targets(step: &WorkflowStep) -> impl Iterator<Item = &String> {
    let edges = step.next.iter().map(|edge| &edge.step);
    let clauses = step.catch.iter().map(|clause| &clause.next);
    let signal = step.wait_signal.iter().flat_map(|wait| &wait.on_timeout);
    let answer = step.interaction.iter().flat_map(|ask| &ask.on_timeout);
    edges.chain(clauses).chain(signal).chain(answer)
}

/// The branches that edges start, each with the index of the step whose edge does.
pub(crate) fn branch_sources(spec: &WorkflowSpec) -> BTreeMap<String, usize> {
    let steps = spec.steps.iter().enumerate();
    let edges = steps.flat_map(|(at, step)| step.next.iter().map(move |edge| (at, edge)));
    edges
        .filter_map(|(at, edge)| Some((edge.branch.clone()?, at)))
        .collect()
}

/// Reports steps that no way leads to. A loop back is a way like any other.
pub(crate) fn check_reachability(
    spec: &WorkflowSpec,
    start: usize,
    index: &StepIndex<'_>,
    problems: &mut Problems,
) {
    let mut reached = vec![false; spec.steps.len()];
    let mut pending = vec![start];
    while let Some(at) = pending.pop() {
        let Some(step) = spec.steps.get(at).filter(|_| !reached[at]) else {
            continue;
        };
        reached[at] = true;
        pending.extend(targets(step).filter_map(|name| index.get(name)));
    }
    let list = Path::Root.field("steps");
    for (at, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
        let name = &spec.steps[at].name;
        // The second step of a name is reported for its name already.
        if index.get(name) == Some(at) {
            problems.add(&list.index(at), format!("no way leads to step `{name}`"));
        }
    }
}

/// Reports branches that two edges start, or that are named `main`.
pub(crate) fn check_branches(spec: &WorkflowSpec, problems: &mut Problems) {
    let mut names = HashSet::new();
    let list = Path::Root.field("steps");
    for (at, step) in spec.steps.iter().enumerate() {
        let step_path = list.index(at);
        let next = step_path.field("next");
        for (at, edge) in step.next.iter().enumerate() {
            let Some(branch) = &edge.branch else {
                continue;
            };
            let edge_path = next.index(at);
            let path = edge_path.field("branch");
            check_name(&path, branch, problems);
            if branch == MAIN {
                problems.add(&path, "`main` is the branch that every run starts with");
            } else if !names.insert(branch.as_str()) {
                problems.add(
                    &path,
                    format!("another edge starts branch `{branch}` already"),
                );
            }
        }
    }
}
