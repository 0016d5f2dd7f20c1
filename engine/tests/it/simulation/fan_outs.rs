//! The items of `each` steps, as rows beside the run.

use mobius_engine::{
    Event, FanOut, FanOutProgress, ItemDecision, ItemEvent, JobError, JobRef, MadeItems, NewFanOut,
    RetryProgress, fan_out_items, settle_item,
};
use mobius_types::JsonObject;
use serde_json::{Value, json};

use super::{Simulation, boom};

/// How one item stands.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ItemStatus {
    HeldBack,
    Pending,
    Claimed,
    Completed(Value),
    Failed(JobError),
}

/// A fan-out and its items.
pub(crate) struct RunningFanOut {
    pub(crate) new: NewFanOut,
    pub(crate) counters: FanOut,
    pub(crate) items: Vec<(JsonObject, ItemStatus)>,
    is_stopped: bool,
}

impl RunningFanOut {
    pub(super) fn new(new: NewFanOut) -> Self {
        assert!(new.items > 0, "a fan-out without items is none");
        let counters = FanOut {
            items: new.items,
            max_concurrency: new.max_concurrency,
            max_failures: new.max_failures,
            ..FanOut::default()
        };
        Self {
            new,
            counters,
            items: Vec::new(),
            is_stopped: false,
        }
    }

    pub(crate) fn is_going(&self) -> bool {
        !self.is_stopped && self.counters.progress() == FanOutProgress::Going
    }

    /// Items that have not ended stop; says how many workers held.
    pub(super) fn stop(&mut self) -> usize {
        self.is_stopped = true;
        let held = |(_, status): &&(JsonObject, ItemStatus)| *status == ItemStatus::Claimed;
        let claimed = self.items.iter().filter(held).count();
        for (_, status) in &mut self.items {
            if matches!(status, ItemStatus::Pending | ItemStatus::Claimed) {
                *status = ItemStatus::HeldBack;
            }
        }
        claimed
    }

    /// Those that completed stay.
    pub(super) fn restart(&mut self) {
        self.is_stopped = false;
        for (_, status) in &mut self.items {
            if !matches!(status, ItemStatus::Completed(_)) {
                *status = ItemStatus::HeldBack;
            }
        }
        self.counters.failed = 0;
        self.counters.released = self.counters.completed;
        self.release();
    }

    fn release(&mut self) {
        let count = self.counters.to_release();
        let held_back = self.items.iter_mut().map(|(_, status)| status);
        let held_back = held_back.filter(|status| **status == ItemStatus::HeldBack);
        held_back
            .take(count as usize)
            .for_each(|status| *status = ItemStatus::Pending);
        self.counters.released += count;
    }

    /// The counters say what the rows say.
    pub(crate) fn check(&self) {
        let count = |test: fn(&ItemStatus) -> bool| {
            self.items.iter().filter(|(_, status)| test(status)).count() as u32
        };
        assert_eq!(self.counters.created, self.items.len() as u32);
        let completed = count(|status| matches!(status, ItemStatus::Completed(_)));
        assert_eq!(self.counters.completed, completed);
        assert_eq!(
            self.counters.failed,
            count(|status| matches!(status, ItemStatus::Failed(_)))
        );
        let active = count(|status| matches!(status, ItemStatus::Pending | ItemStatus::Claimed));
        assert!(self.new.max_concurrency.is_none_or(|most| active <= most));
    }

    /// What the run is to be told when all is over.
    fn report(&self) -> Option<Event> {
        let job = self.new.job.clone();
        match self.counters.progress() {
            FanOutProgress::Going => None,
            FanOutProgress::Completed => Some(Event::FanOutCompleted {
                job,
                results: self.results(),
            }),
            FanOutProgress::Failed => {
                let failed = self.items.iter().find_map(|(_, status)| match status {
                    ItemStatus::Failed(error) => Some(error.clone()),
                    ItemStatus::HeldBack
                    | ItemStatus::Pending
                    | ItemStatus::Claimed
                    | ItemStatus::Completed(_) => None,
                });
                let error = failed.expect("one has failed");
                Some(Event::FanOutFailed { job, error })
            }
        }
    }

    fn results(&self) -> Value {
        if !self.new.stores_results {
            return Value::Null;
        }
        let results = self.items.iter().map(|(_, status)| match status {
            ItemStatus::Completed(result) => result.clone(),
            ItemStatus::Failed(error) => json!({"error": error.kind, "message": error.message}),
            ItemStatus::HeldBack | ItemStatus::Pending | ItemStatus::Claimed => {
                panic!("every item has ended")
            }
        });
        results.collect()
    }
}

impl Simulation {
    /// Makes the next items of the fan-out of a step execution, at most so many.
    pub(crate) fn make_items(&mut self, job: &JobRef, count: u32) {
        if let Some(event) = self.next_items(job, count) {
            self.apply(event);
        }
    }

    /// An item ends well, or its attempt fails; its fan-out may end with it.
    pub(crate) fn end_item(&mut self, job: &JobRef, index: usize, result: Result<Value, &str>) {
        if let Some(event) = self.settle(job, index, result) {
            self.apply(event);
        }
    }

    /// Makes items without telling the run; gives what it is to be told, if they can't be made.
    pub(crate) fn next_items(&mut self, job: &JobRef, count: u32) -> Option<Event> {
        let at = self.fan_out_at(job);
        let from = self.fan_outs[at].counters.created;
        match fan_out_items(&self.run(), &self.state, job, from, count) {
            Ok(MadeItems {
                parameters: made, ..
            }) => {
                assert!(!made.is_empty(), "items are to be made");
                let fan_out = &mut self.fan_outs[at];
                fan_out.counters.created += made.len() as u32;
                let rows = made.into_iter().map(|item| (item, ItemStatus::HeldBack));
                fan_out.items.extend(rows);
                fan_out.release();
                fan_out.check();
                None
            }
            Err(error) => {
                let job = job.clone();
                Some(Event::FanOutRefused { job, error })
            }
        }
    }

    /// Ends an item without telling the run; gives what it is to be told, if all is over.
    pub(crate) fn settle(
        &mut self,
        job: &JobRef,
        index: usize,
        result: Result<Value, &str>,
    ) -> Option<Event> {
        let at = self.fan_out_at(job);
        let event = match result {
            Ok(_) => ItemEvent::Succeeded,
            Err(kind) => ItemEvent::Failed {
                error: boom(kind),
                progress: RetryProgress::default(),
                attempt: 1,
                jitter: 0.5,
            },
        };
        let step = self.fan_outs[at].new.step.clone();
        let decision = settle_item(&self.definition, &step, &self.limits, event);
        let fan_out = &mut self.fan_outs[at];
        let status = &mut fan_out.items[index].1;
        assert!(
            matches!(status, ItemStatus::Pending | ItemStatus::Claimed),
            "{status:?}"
        );
        match decision {
            ItemDecision::Complete => {
                *status = ItemStatus::Completed(result.unwrap_or_default());
                fan_out.counters.completed += 1;
            }
            ItemDecision::Retry { .. } | ItemDecision::Rescue => *status = ItemStatus::Pending,
            ItemDecision::Fail { error } => {
                *status = ItemStatus::Failed(error);
                fan_out.counters.failed += 1;
            }
        }
        fan_out.release();
        fan_out.check();
        fan_out.report()
    }

    fn fan_out_at(&self, job: &JobRef) -> usize {
        let at = self.fan_outs.iter().position(|row| row.new.job == *job);
        at.expect("the fan-out was made")
    }

    /// The step execution of the only fan-out that is going.
    pub(crate) fn fan_out(&self) -> JobRef {
        let going: Vec<_> = self.fan_outs.iter().filter(|row| row.is_going()).collect();
        assert_eq!(going.len(), 1);
        going[0].new.job.clone()
    }
}
