//! How the steps of a spec hang together: names, targets, reachability, branches.

use std::collections::{HashMap, HashSet};

use mobius_types::WorkflowSpec;

use crate::problem::{Path, Problems};

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
        let edges = step.next.iter().map(|edge| &edge.step);
        let clauses = step.catch.iter().map(|clause| &clause.next);
        let timeouts = step.wait_signal.iter().flat_map(|wait| &wait.on_timeout);
        let targets = edges.chain(clauses).chain(timeouts);
        pending.extend(targets.filter_map(|name| index.get(name)));
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

/// The names of all branches that edges start; none twice, none `main`.
pub(crate) fn check_branches<'a>(
    spec: &'a WorkflowSpec,
    problems: &mut Problems,
) -> HashSet<&'a str> {
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
    names
}
