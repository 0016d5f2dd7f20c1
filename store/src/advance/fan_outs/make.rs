//! The jobs of items are made: some with each transaction, in their order.

use std::time::Duration;

use mobius_engine::{
    Event, FanOut, FanOutProgress, JobError, JobRef, NewFanOut, NewJob, Transition, fan_out_items,
};
use mobius_types::{JobId, JsonObject, RunId};

use super::{CHUNK, FAILURE, LiveFanOut, Over};
use crate::{
    Error,
    advance::{Input, Ledger, Moved, millis},
    jobs::{JobRow, push_new},
};

impl Ledger<'_> {
    /// A step begins that is a job for each of several items. The first of them are made once the
    /// transition is carried out.
    pub(in crate::advance) fn fan_out(&mut self, run: RunId, new: NewFanOut) {
        let queue = self.queue_of(run);
        let id = JobId::generate();
        self.changes.new_jobs.push(parent(id, run, &queue, &new));
        let fan_out = LiveFanOut {
            run,
            job: new.job,
            step: new.step,
            action: new.action,
            queue,
            server: new.server,
            stores_results: new.stores_results,
            timeout_ms: new.timeout.map(millis),
            max_attempts: new.max_attempts,
            counters: FanOut {
                items: new.items,
                max_concurrency: new.max_concurrency,
                max_failures: new.max_failures,
                ..FanOut::default()
            },
            is_new: true,
            changed: false,
            ended: false,
            result: None,
        };
        if let Some(row) = self.changes.new_jobs.last() {
            push_new(&mut self.changes.frames, row);
        }
        self.fan_outs.insert(id, fan_out);
        self.unmade.push(id);
    }

    /// Makes more items of a fan-out that was begun before.
    pub(in crate::advance) fn chunk(&mut self, run: RunId, id: JobId) -> Result<Moved, Error> {
        let mut moved = Moved::default();
        if self.fan_outs.get(&id).is_none_or(|fan_out| fan_out.ended) {
            return Ok(moved);
        }
        if !self.runs.contains_key(&run) {
            return Err(Error::NotFound("run"));
        }
        self.unmade.push(id);
        self.make_items(&mut moved);
        let fan_out = self.fan_outs.get_mut(&id).filter(|fan_out| !fan_out.ended);
        if let Some(fan_out) = fan_out
            && fan_out.counters.progress() == FanOutProgress::Completed
        {
            fan_out.ended = true;
            self.over.push(Over {
                fan_out: id,
                error: None,
            });
        }
        Ok(moved)
    }

    /// Makes items of the fan-outs that have some to make. A step whose items can't be made fails,
    /// which may begin other steps of that kind.
    pub(in crate::advance) fn make_items(&mut self, moved: &mut Moved) {
        while let Some(id) = self.unmade.pop() {
            self.release(id, moved);
            let Some(fan_out) = self.fan_outs.get_mut(&id).filter(|fan_out| !fan_out.ended) else {
                continue;
            };
            fan_out.changed = true;
            let (run, missing) = (
                fan_out.run,
                fan_out.counters.items - fan_out.counters.created,
            );
            if missing > 0
                && self.room > 0
                && let Err(error) = self.make_some(id, moved)
                && let Some((run, transition)) = self.fail_fan_out(id, error)
            {
                self.carry(run, transition, None, moved);
            }
            let going = self.fan_outs.get(&id).filter(|fan_out| !fan_out.ended);
            if going.is_some_and(LiveFanOut::is_unmade) {
                self.next.push(Input::Chunk { run, fan_out: id });
            }
        }
    }

    /// Makes the next items of one fan-out, as many as this transaction has room for.
    fn make_some(&mut self, id: JobId, moved: &mut Moved) -> Result<(), JobError> {
        let Some(fan_out) = self.fan_outs.get(&id) else {
            return Ok(());
        };
        let Some(run) = self.runs.get_mut(&fan_out.run) else {
            return Ok(());
        };
        let from = fan_out.counters.created;
        let count = CHUNK.min(self.room).min(fan_out.counters.items - from);
        let (context, state) = run.context(self.limits);
        let made = fan_out_items(&context, state, &fan_out.job, from, count);
        let used = match &made {
            Ok(made) => u32::try_from(made.len()).unwrap_or(CHUNK),
            Err(_) => FAILURE,
        };
        self.room = self.room.saturating_sub(used);
        for parameters in made? {
            self.make(id, parameters, moved);
        }
        Ok(())
    }

    fn make(&mut self, id: JobId, parameters: JsonObject, moved: &mut Moved) {
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return;
        };
        let index = i32::try_from(fan_out.counters.created).unwrap_or(i32::MAX);
        fan_out.counters.created += 1;
        // Those before it were released as far as there was room.
        let waits = fan_out.counters.to_release() == 0;
        let row = fan_out.item(id, index, parameters, waits);
        if !waits {
            fan_out.counters.released += 1;
            if fan_out.server {
                self.next.push(Input::StartChild {
                    run: fan_out.run,
                    job: row.id,
                });
            } else {
                moved.claimable_in = Some(Duration::ZERO);
            }
        }
        push_new(&mut self.changes.frames, &row);
        self.changes.new_jobs.push(row);
    }

    /// The items can't be made.
    fn fail_fan_out(&mut self, id: JobId, error: JobError) -> Option<(RunId, Transition)> {
        let fan_out = self.fan_outs.get_mut(&id)?;
        let (run, job): (_, JobRef) = (fan_out.run, fan_out.job.clone());
        fan_out.end(Err(error.clone()));
        if fan_out.is_new
            && let Some(parent) = self.changes.new_jobs.iter_mut().find(|row| row.id == id)
        {
            parent.error = Some(error.clone());
            push_new(&mut self.changes.frames, parent);
        }
        let event = Event::FanOutFailed { job, error };
        let transition = self.decide(run, event).ok()?.ok()?;
        Some((run, transition))
    }
}

impl LiveFanOut {
    /// Whether it has items without a job.
    pub(in crate::advance) const fn is_unmade(&self) -> bool {
        self.counters.created < self.counters.items
    }

    fn item(&self, parent: JobId, index: i32, parameters: JsonObject, waits: bool) -> JobRow {
        JobRow {
            id: JobId::generate(),
            run: self.run,
            queue: self.queue.clone(),
            job: NewJob {
                job: self.job.clone(),
                step: self.step.clone(),
                action: self.action.clone(),
                parameters,
                timeout: self
                    .timeout_ms
                    .map(|ms| Duration::from_millis(ms.unsigned_abs())),
                max_attempts: self.max_attempts,
                server: self.server,
            },
            item: Some((parent, index)),
            waits,
            error: None,
        }
    }
}

/// The job that stands for the step, while its items are worked on.
fn parent(id: JobId, run: RunId, queue: &str, new: &NewFanOut) -> JobRow {
    JobRow {
        id,
        run,
        queue: queue.to_owned(),
        job: NewJob {
            job: new.job.clone(),
            step: new.step.clone(),
            action: new.action.clone(),
            parameters: JsonObject::new(),
            timeout: None,
            max_attempts: 1,
            server: new.server,
        },
        item: None,
        waits: true,
        error: None,
    }
}
