//! Actions that the control plane runs itself.
//!
//! Of the platform's own actions one is available: `mobius.run_workflow` starts a run of another
//! workflow as a child, and has its result when that has ended.

use mobius_types::{JsonObject, WorkflowStep};

use super::run_workflow::{self, RUN_WORKFLOW};
use crate::problem::{Path, Problems};

/// Reports actions that nobody runs, and parameters that the platform's own can't take.
pub(super) fn check(
    path: &Path<'_>,
    step: &WorkflowStep,
    is_server: bool,
    problems: &mut Problems,
) {
    let action = step.action.as_deref().unwrap_or_default();
    match (is_server, action == RUN_WORKFLOW) {
        (true, true) => {
            let none = JsonObject::new();
            let parameters = step.parameters.as_ref().unwrap_or(&none);
            run_workflow::check(&path.field("parameters"), parameters, problems);
        }
        (true, false) => {
            let message = format!("server action `{action}` is not available");
            problems.add(&path.field("action"), message);
        }
        (false, true) => {
            let message = format!("must be `server` for `{RUN_WORKFLOW}`, which no worker runs");
            problems.add(&path.field("action_kind"), message);
        }
        (false, false) => {}
    }
}
