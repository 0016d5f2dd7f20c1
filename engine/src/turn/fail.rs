//! A step fails: a clause catches that, or the run fails.
//!
//! All branches of a failed run stay where they are, so that a retry can go on from there.

use serde_json::json;

use super::{Arrival, Halt, Turn};
use crate::{
    action::Action,
    event::JobError,
    failure::CANCELLED,
    state::{Branch, Phase},
    steps::action::Catch,
    waiting::Waiting,
};

impl<'a> Turn<'a> {
    /// The branch's step has failed for good.
    pub(crate) fn fail_step(&mut self, branch: &str, error: JobError) {
        let Some(Branch { step, waits, .. }) = self.state.branches.get(branch) else {
            return;
        };
        let is_fan_out = matches!(waits, Waiting::FanOut { .. });
        if is_fan_out && self.clause(*step, &error.kind).is_none() {
            // Items that have completed are not run again when the run is retried.
            return self.fail_run(*step, error);
        }
        if let Some(arrival) = self.take(branch) {
            self.halt(arrival, Halt::Step(error));
        }
        self.settle();
    }

    /// The control plane could not go on with the branch's step. A limit of the run ends the run.
    pub(crate) fn refuse_step(&mut self, branch: &str, error: JobError) {
        if !error.is_limit() {
            return self.fail_step(branch, error);
        }
        let Some(Branch { step, waits, .. }) = self.state.branches.get(branch) else {
            return;
        };
        if matches!(waits, Waiting::FanOut { .. }) {
            return self.fail_run(*step, error);
        }
        if let Some(arrival) = self.take(branch) {
            self.halt(arrival, Halt::Run(error));
        }
        self.settle();
    }

    /// Ends the run because an operator wanted it.
    pub(crate) fn cancel(&mut self, reason: String) {
        self.actions.push(Action::StopJobs);
        self.end_failed(JobError::of(CANCELLED, reason));
    }

    /// A clause catches the failure of a step, or the run fails.
    pub(super) fn halt(&mut self, mut at: Arrival, halt: Halt) {
        let step = at.step;
        let error = match halt {
            Halt::Run(error) => {
                self.strand(at);
                return self.fail_run(step, error);
            }
            Halt::Step(error) => error,
        };
        let Some(catch) = self.clause(step, &error.kind) else {
            self.strand(at);
            return self.fail_run(step, error);
        };
        if let Some(name) = &catch.store {
            let caught = json!({
                "error": error.kind,
                "message": error.message,
                "details": error.details,
            });
            self.state.assign(&mut at.variables, name, caught);
        }
        at.step = catch.next;
        self.arrivals.push_back(at);
    }

    /// The first clause of the step for errors of this kind.
    fn clause(&self, step: usize, kind: &str) -> Option<&'a Catch> {
        self.step(step).kind.as_action()?.catch(kind)
    }

    /// Ends the run with an error that names the step.
    pub(super) fn fail_run(&mut self, step: usize, error: JobError) {
        let name = &self.step(step).name;
        let message = format!(
            "step `{name}` failed with {}: {}",
            error.kind, error.message
        );
        self.drop_beginnings();
        self.actions.push(Action::StopJobs);
        self.end_failed(JobError { message, ..error });
    }

    /// The run has failed; branches on their way to a step enter it on a retry.
    fn end_failed(&mut self, error: JobError) {
        self.actions.push(Action::FailRun { error });
        self.state.phase = Phase::Failed;
        for arrival in std::mem::take(&mut self.arrivals) {
            self.strand(arrival);
        }
    }

    fn strand(&mut self, arrival: Arrival) {
        self.state.visits = self.state.visits.saturating_add(1);
        let branch = Branch {
            step: arrival.step,
            visit: self.state.visits,
            waits: Waiting::Retry,
            variables: arrival.variables,
        };
        self.state.park(arrival.branch, branch);
    }

    /// What this transition would have begun does not begin. What it has ended or consumed stays
    /// so: the branches have moved on with that.
    fn drop_beginnings(&mut self) {
        let state = &mut *self.state;
        self.actions.retain(|action| match action {
            Action::FanOut(fan_out) => {
                // There are no items yet that a retry could go on with.
                if let Some(mut branch) = state.unpark(&fan_out.job.branch) {
                    state.items = state.items.saturating_sub(branch.waits.items());
                    branch.waits = Waiting::Retry;
                    state.park(fan_out.job.branch.clone(), branch);
                }
                false
            }
            Action::EnqueueJob(_)
            | Action::RestartFanOut { .. }
            | Action::StartTimer { .. }
            | Action::OpenInteraction(_) => false,
            Action::StopFanOut { .. }
            | Action::StopTimer { .. }
            | Action::ConsumeSignal { .. }
            | Action::CloseInteraction { .. }
            | Action::CompleteJob { .. }
            | Action::RetryJob { .. }
            | Action::RescueJob { .. }
            | Action::FailJob { .. }
            | Action::StopJobs
            | Action::CompleteRun { .. }
            | Action::FailRun { .. } => true,
        });
    }
}
