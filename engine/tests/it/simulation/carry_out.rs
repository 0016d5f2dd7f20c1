//! Carries out what a transition asks for, and checks that it fits.

use mobius_engine::{Action, JobError, JobRef};
use serde_json::Value;

use super::{RunningFanOut, Simulation};

impl Simulation {
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::EnqueueJob(job) => {
                self.begin(&job.job);
                self.open.push(job);
            }
            Action::FanOut(fan_out) => {
                self.begin(&fan_out.job);
                self.fan_outs.push(RunningFanOut::new(fan_out));
            }
            Action::RestartFanOut { job } => {
                let fan_out = self.fan_outs.iter_mut().find(|row| row.new.job == job);
                fan_out.expect("it was made").restart();
            }
            Action::StopFanOut { job } => {
                let fan_out = self.fan_outs.iter_mut().find(|row| row.new.job == job);
                fan_out.expect("it was made").stop();
            }
            Action::StartTimer { job, fires_at } => {
                assert!(!self.has_timer(&job), "{job:?} has a timer already");
                self.timers.push((job, fires_at));
            }
            Action::StopTimer { job } => {
                assert!(self.has_timer(&job), "{job:?} has no timer");
                self.timers.retain(|(other, _)| *other != job);
            }
            Action::ConsumeSignal { signal, job } => {
                let at = self.signals.iter().position(|stored| stored.id == signal);
                let signal = self.signals.remove(at.expect("it was not consumed before"));
                let older = &self.signals[..at.unwrap_or_default()];
                assert!(older.iter().all(|older| older.name != signal.name), "FIFO");
                self.consumed.insert(signal.id, job);
            }
            Action::OpenInteraction(interaction) => {
                assert!(!self.is_asked(&interaction.job), "asked twice");
                self.interactions.push(interaction);
            }
            Action::CloseInteraction { job } => {
                assert!(self.is_asked(&job), "{job:?} has not asked");
                self.interactions.retain(|open| open.job != job);
            }
            Action::CompleteJob { job } | Action::FailJob { job, .. } => self.end_job(&job),
            Action::RetryJob { job, .. } | Action::RescueJob { job } => {
                assert!(self.is_open(&job), "{job:?} is not open");
                self.claimed.remove(&job);
            }
            Action::StopJobs => self.stop_everything(),
            Action::CompleteRun { result } => self.end(Ok(Value::Object(result))),
            Action::FailRun { error } => self.end(Err(error)),
        }
    }

    fn begin(&mut self, job: &JobRef) {
        assert!(self.seen.insert(job.clone()), "{job:?} is not new");
    }

    fn has_timer(&self, job: &JobRef) -> bool {
        self.timers.iter().any(|(timer, _)| timer == job)
    }

    fn is_asked(&self, job: &JobRef) -> bool {
        self.interactions.iter().any(|open| open.job == *job)
    }

    fn is_open(&self, job: &JobRef) -> bool {
        self.open.iter().any(|open| open.job == *job)
    }

    fn end_job(&mut self, job: &JobRef) {
        if self.is_open(job) {
            self.open.retain(|open| open.job != *job);
            self.claimed.remove(job);
        } else if let Some(at) = self.told_to_cancel.iter().position(|told| told == job) {
            self.told_to_cancel.remove(at);
        } else {
            assert!(self.state.has_ended(), "{job:?} is not open");
        }
    }

    fn stop_everything(&mut self) {
        for job in self.open.drain(..) {
            if self.claimed.remove(&job.job) {
                self.told_to_cancel.push(job.job);
            }
        }
        for fan_out in &mut self.fan_outs {
            let held = fan_out.stop();
            let job = &fan_out.new.job;
            self.told_to_cancel.extend((0..held).map(|_| job.clone()));
        }
        self.timers.clear();
        self.interactions.clear();
    }

    fn end(&mut self, outcome: Result<Value, JobError>) {
        assert!(self.ended.is_none(), "a run ends once");
        assert!(self.open.is_empty(), "no job outlives its run");
        assert!(self.timers.is_empty(), "no timer outlives its run");
        assert!(self.interactions.is_empty(), "no question outlives its run");
        assert!(
            self.fan_outs.iter().all(|row| !row.is_going()),
            "no item outlives its run"
        );
        self.ended = Some(outcome);
    }
}
