//! Which fields of a step only some kinds read.
//!
//! A field that the step's kind never reads is refused: whoever wrote it expects something of it.

use mobius_types::WorkflowStep;

use super::Kind;
use crate::problem::{Path, Problems};

/// A field that not all kinds read.
struct Field {
    name: &'static str,
    /// Whether the step says something with it; what is empty says nothing.
    is_given: fn(&WorkflowStep) -> bool,
    read_by: &'static [Kind],
    /// The kinds that have a field of this name inside of their own.
    inside: &'static [Kind],
}

/// Every kind reads `name`, `description`, `next`, `edge_matching_strategy` and `layout`, and the
/// field that names it.
const FIELDS: [Field; 6] = [
    Field {
        name: "each",
        is_given: |step| step.each.is_some(),
        read_by: &[Kind::Action],
        inside: &[],
    },
    Field {
        name: "action_kind",
        is_given: |step| step.action_kind.is_some(),
        read_by: &[Kind::Action],
        inside: &[],
    },
    Field {
        name: "store",
        is_given: |step| step.store.is_some(),
        read_by: &[Kind::Action],
        inside: &[Kind::WaitSignal, Kind::Interaction],
    },
    Field {
        name: "parameters",
        is_given: |step| {
            let parameters = step.parameters.as_ref();
            parameters.is_some_and(|parameters| !parameters.is_empty())
        },
        read_by: &[Kind::Action],
        inside: &[],
    },
    Field {
        name: "retry",
        is_given: |step| !step.retry.is_empty(),
        read_by: &[Kind::Action],
        inside: &[],
    },
    Field {
        name: "catch",
        is_given: |step| !step.catch.is_empty(),
        read_by: &[Kind::Action],
        inside: &[],
    },
];

/// Reports the fields that none of the step's kinds reads.
pub(super) fn check(path: &Path<'_>, step: &WorkflowStep, kinds: &[Kind], problems: &mut Problems) {
    for field in &FIELDS {
        let is_read = kinds.iter().any(|kind| field.read_by.contains(kind));
        if (field.is_given)(step) && !is_read {
            problems.add(&path.field(field.name), field.refusal(kinds));
        }
    }
}

impl Field {
    fn refusal(&self, kinds: &[Kind]) -> String {
        let readers: Vec<_> = self.read_by.iter().map(|kind| kind.field()).collect();
        let readers = readers.join(" or ");
        let mut refusal = format!("is possible on steps with an {readers} only");
        if let Some(kind) = kinds.iter().find(|kind| self.inside.contains(kind)) {
            refusal += &format!("; write `{}` into `{}`", self.name, kind.field());
        }
        refusal
    }
}
