//! Signals meet the branches that wait for them: the oldest signal of a name goes to the branch
//! that waits longest.

use serde_json::Value;

use super::{Arrival, Turn};
use crate::{
    action::Action,
    advance::Rejected,
    event::{JobRef, Signal},
    steps::StepKind,
    waiting::Waiting,
};

impl<'a> Turn<'a> {
    /// A branch gets the signal that has just come, or it is stored.
    pub(crate) fn signal(&mut self, signal: &Signal) -> Result<(), Rejected> {
        self.signals.retain(|stored| stored.id != signal.id);
        let waiting = self.state.waiting(|waits| match waits {
            Waiting::Signal { name, .. } => *name == signal.name,
            Waiting::Job
            | Waiting::FanOut { .. }
            | Waiting::Time { .. }
            | Waiting::Resume
            | Waiting::Answer { .. }
            | Waiting::Join { .. }
            | Waiting::Retry => false,
        });
        let Some(branch) = waiting.first() else {
            self.check_stored(signal)?;
            self.state.stored.add(signal);
            return Ok(());
        };
        let job = JobRef {
            branch: branch.clone(),
            visit: self.state.branches[branch].visit,
        };
        self.consume(signal, job.clone());
        self.push(Action::StopTimer { job });
        if let Some(arrival) = self.take(branch) {
            self.receive(arrival, signal);
        }
        self.settle();
        Ok(())
    }

    /// The oldest stored signal of the name.
    pub(super) fn take_signal(&mut self, name: &str) -> Option<&'a Signal> {
        let at = self.signals.iter().position(|signal| signal.name == name)?;
        let signal = self.signals.remove(at);
        self.state.stored.remove(signal);
        Some(signal)
    }

    pub(super) fn consume(&mut self, signal: &Signal, job: JobRef) {
        let signal = signal.id;
        self.push(Action::ConsumeSignal { signal, job });
    }

    /// The branch goes on with the signal.
    pub(super) fn receive(&mut self, at: Arrival, signal: &Signal) {
        let StepKind::WaitSignal(wait) = &self.step(at.step).kind else {
            return;
        };
        let payload = |name: &String| (name.clone(), Value::Object(signal.payload.clone()));
        let variable = wait.store.as_ref().map(payload);
        self.go_on(at, variable.into_iter().collect());
    }

    fn check_stored(&self, signal: &Signal) -> Result<(), Rejected> {
        let (limits, stored) = (self.run.limits, self.state.stored);
        let bytes = stored.bytes.saturating_add(signal.size());
        if stored.count < limits.max_stored_signals && bytes <= limits.max_stored_signal_bytes {
            return Ok(());
        }
        Err(Rejected::TooManySignals {
            count: stored.count,
            bytes: stored.bytes,
        })
    }
}
