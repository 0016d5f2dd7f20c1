//! Steps that wait for other branches.
//!
//! A branch counts as complete when it has ended and was not started again since. Without a list
//! the step waits for every branch started by name that goes on when the step is reached.

use std::collections::{BTreeMap, HashSet};

use mobius_types::WorkflowJoinConfig;
use serde_json::Value;

use super::Names;
use crate::{
    json::{object_weight, weight, written_size},
    name::is_bare_name,
    problem::{Path, Problems},
    state::Variables,
};

/// What stands between a branch and its variable, and between names behind that.
const SEPARATOR: char = '.';

/// A compiled join.
#[derive(Debug)]
pub(crate) struct JoinStep {
    branches: Option<Vec<String>>,
    count: Option<usize>,
    pub(crate) mappings: Vec<Mapping>,
}

/// What is copied from a branch that has completed.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) branch: String,
    /// Where in the branch's variables; all of them when empty.
    path: Vec<String>,
    /// The variable that takes the value.
    pub(crate) variable: String,
}

impl JoinStep {
    /// The branches that the step names, if it names any.
    pub(crate) fn listed(&self) -> &[String] {
        self.branches.as_deref().unwrap_or_default()
    }

    /// Whether the step waits for whatever branches go on when it is reached.
    pub(crate) const fn waits_for_all(&self) -> bool {
        self.branches.is_none()
    }

    /// The branches whose variables are read.
    pub(crate) fn read(&self) -> impl Iterator<Item = &str> {
        self.mappings.iter().map(|mapping| mapping.branch.as_str())
    }

    /// How many of so many branches must complete.
    pub(crate) fn needed(&self, branches: usize) -> usize {
        self.count.map_or(branches, |count| count.min(branches))
    }
}

impl Mapping {
    /// The value and its weight, if the branch has set it.
    pub(crate) fn look_up<'v>(&self, variables: &'v Variables) -> Option<Found<'v>> {
        let mut path = self.path.iter();
        let Some(first) = path.next() else {
            return Some(Found::Whole(variables));
        };
        let mut value = variables.values().get(first)?;
        for name in path {
            value = value.as_object()?.get(name)?;
        }
        Some(Found::Value(value))
    }
}

/// What a mapping leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'v> {
    Whole(&'v Variables),
    Value(&'v Value),
}

impl Found<'_> {
    /// About how much memory a copy takes.
    pub(crate) fn weight(self) -> u64 {
        match self {
            Self::Whole(variables) => object_weight(variables.values(), u64::MAX),
            Self::Value(value) => weight(value, u64::MAX),
        }
    }

    /// About how large it is, written as JSON.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::Whole(variables) => variables.size(),
            Self::Value(value) => written_size(value),
        }
    }

    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Whole(variables) => Value::Object(variables.values().clone()),
            Self::Value(value) => value.clone(),
        }
    }
}

pub(super) fn compile(
    path: &Path<'_>,
    config: &WorkflowJoinConfig,
    names: &Names<'_>,
    problems: &mut Problems,
) -> JoinStep {
    // An empty list says no more than none.
    let listed = config.branches.as_ref().filter(|list| !list.is_empty());
    if let Some(listed) = listed {
        check_listed(&path.field("branches"), listed, names, problems);
    }
    let branches = names.branches;
    let known: Vec<&str> = match listed {
        Some(listed) => listed.iter().map(String::as_str).collect(),
        None => branches.keys().map(String::as_str).collect(),
    };
    JoinStep {
        branches: listed.cloned(),
        count: count(&path.field("count"), config.count, known.len(), problems),
        mappings: config
            .branch_mappings
            .as_ref()
            .map_or_else(Vec::new, |all| {
                compile_mappings(&path.field("branch_mappings"), all, &known, problems)
            }),
    }
}

fn check_listed(path: &Path<'_>, listed: &[String], names: &Names<'_>, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (at, branch) in listed.iter().enumerate() {
        if !names.branches.contains_key(branch) {
            let message = format!("no edge starts a branch `{branch}`");
            problems.add(&path.index(at), message);
        } else if !seen.insert(branch) {
            problems.add(&path.index(at), format!("lists branch `{branch}` twice"));
        }
    }
}

fn count(
    path: &Path<'_>,
    given: Option<i64>,
    known: usize,
    problems: &mut Problems,
) -> Option<usize> {
    let given = given?;
    let count = usize::try_from(given).ok().filter(|count| *count <= known);
    if count.is_none() {
        problems.add(
            path,
            format!("is not between 0 and {known}, the number of branches"),
        );
    }
    count
}

fn compile_mappings(
    path: &Path<'_>,
    mappings: &BTreeMap<String, String>,
    known: &[&str],
    problems: &mut Problems,
) -> Vec<Mapping> {
    let mut compiled = Vec::with_capacity(mappings.len());
    let mut set = HashSet::new();
    for (key, variable) in mappings {
        let spelled = format!("{key:?}");
        let place = path.field(&spelled);
        if !set.insert(variable) {
            let message = format!("sets variable `{variable}`, as another mapping does");
            problems.add(&place, message);
        }
        if !is_bare_name(variable) {
            let message = "is not the name of a variable; write letters, digits and `_`, \
                           without `state.` before it";
            problems.add(&place, message);
        }
        match split(key, known) {
            Some((branch, path)) if path.iter().all(|name| !name.is_empty()) => {
                compiled.push(Mapping {
                    branch: branch.to_owned(),
                    path: path.into_iter().map(str::to_owned).collect(),
                    variable: variable.clone(),
                });
            }
            Some(_) => problems.add(&place, "has an empty name between its dots"),
            None => {
                let message = "does not begin with a branch that the step waits for; \
                               write `branch` or `branch.variable`";
                problems.add(&place, message);
            }
        }
    }
    compiled
}

/// The branch that a key begins with, and the path behind it. Names may hold dots, so the longest
/// that fits is meant.
fn split<'k>(key: &'k str, known: &[&'k str]) -> Option<(&'k str, Vec<&'k str>)> {
    let fits = known.iter().filter_map(|branch| {
        let rest = key.strip_prefix(branch)?;
        if rest.is_empty() {
            return Some((*branch, Vec::new()));
        }
        let path = rest.strip_prefix(SEPARATOR)?;
        Some((*branch, path.split(SEPARATOR).collect()))
    });
    fits.max_by_key(|(branch, _)| branch.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_of_a_branch_is_meant() {
        let known = ["a", "a.b", "x"];
        for (key, split_up) in [
            ("a", Some(("a", vec![]))),
            ("a.c", Some(("a", vec!["c"]))),
            ("a.b", Some(("a.b", vec![]))),
            ("a.b.c.d", Some(("a.b", vec!["c", "d"]))),
            ("a.bc", Some(("a", vec!["bc"]))),
            ("b", None),
            ("ab", None),
        ] {
            assert_eq!(split(key, &known), split_up, "{key}");
        }
    }
}
