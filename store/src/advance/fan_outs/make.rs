//! The jobs of items are made: some with each transaction, in their order.

use std::time::Duration;

use mobius_engine::{
    Event, FanOut, FanOutProgress, JobError, JobRef, MadeItems, NewFanOut, NewJob, Transition,
    fan_out_items,
};
use mobius_types::{JobId, JsonObject, RunId};

use super::{CHUNK, EndedFanOut, FanOutEnd, LiveFanOut};
use crate::{
    Error,
    advance::{Input, Ledger, ending, millis},
    jobs::{JobRow, push_new},
    limits::JobTerms,
    weight::weight_of_object,
};

/// How many jobs it counts for when none could be made, so that a transaction in which many steps
/// fail at it is bounded, too.
const FAILURE: u32 = 8;

impl Ledger<'_> {
    /// A step begins that is a job for each of several items. The first of them are made once the
    /// transition is carried out.
    pub(in crate::advance) fn fan_out(&mut self, run: RunId, new: NewFanOut) {
        let queue = self.queue_of(run);
        let id = JobId::generate();
        let terms = self.terms_of(run);
        let row = step_job(id, run, (&queue, terms), &new);
        push_new(&mut self.changes.frames, &row);
        self.changes.new_jobs.push(row);
        let fan_out = LiveFanOut {
            run,
            job: new.job,
            step: new.step,
            action: new.action,
            queue,
            terms,
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
            parameter_bytes: 0,
            is_new: true,
            changed: false,
            ended: false,
            result: None,
        };
        self.fan_outs.insert(id, fan_out);
        self.begun_fan_outs.push(id);
    }

    /// Makes the first items of the fan-outs that have just begun. A step whose items can't be made
    /// fails, which may begin other steps of that kind.
    pub(in crate::advance) fn make_first_items(&mut self) {
        while let Some(id) = self.begun_fan_outs.pop() {
            if self.is_going(id) {
                let spent = self.expand(id, self.room);
                self.room = self.room.saturating_sub(spent);
            }
        }
    }

    /// Makes or releases more items of a fan-out that was begun before.
    pub(in crate::advance) fn chunk(&mut self, run: RunId, id: JobId) -> Result<(), Error> {
        let of = self.runs.get(&run).ok_or(Error::NotFound("run"))?;
        if !of.is_live() || !self.is_going(id) {
            return Ok(());
        }
        match self.chunks.take(id) {
            None => return Ok(()),
            // It was kept waiting, so it goes before the others.
            Some(0) => self.next.insert(0, Input::Chunk { run, fan_out: id }),
            Some(share) => {
                let spent = self.expand(id, share);
                self.chunks.spend(spent);
                self.make_first_items();
            }
        }
        let fan_out = self.fan_outs.get_mut(&id).filter(|fan_out| !fan_out.ended);
        if let Some(fan_out) = fan_out
            && fan_out.counters.progress() == FanOutProgress::Completed
        {
            fan_out.ended = true;
            self.ended_fan_outs.push(EndedFanOut {
                fan_out: id,
                end: FanOutEnd::Completed,
            });
        }
        Ok(())
    }

    fn is_going(&self, id: JobId) -> bool {
        self.fan_outs.get(&id).is_some_and(|fan_out| !fan_out.ended)
    }

    /// Releases and makes at most so many items. Returns how many it counts for.
    fn expand(&mut self, id: JobId, most: u32) -> u32 {
        let released = self.release(id, most);
        let mut spent = released;
        if let Some(fan_out) = self.fan_outs.get_mut(&id) {
            fan_out.changed = true;
        }
        match self.make(id, most - released) {
            Ok(made) => spent += made,
            Err(error) => {
                spent += FAILURE;
                if let Some((run, transition)) = self.refuse(id, error) {
                    self.note(run, transition, None);
                }
            }
        }
        let going = self.fan_outs.get(&id).filter(|fan_out| !fan_out.ended);
        if let Some(fan_out) = going.filter(|fan_out| fan_out.has_more()) {
            let run = fan_out.run;
            self.next.push(Input::Chunk { run, fan_out: id });
        }
        spent
    }

    /// Makes at most so many of the next items. Returns how many that counts for: more than were
    /// made when their expressions took much work.
    fn make(&mut self, id: JobId, most: u32) -> Result<u32, JobError> {
        let Some(fan_out) = self.fan_outs.get(&id) else {
            return Ok(0);
        };
        let Some(run) = self.runs.get_mut(&fan_out.run) else {
            return Ok(0);
        };
        let from = fan_out.counters.created;
        let count = most.min(fan_out.counters.items.saturating_sub(from));
        // Those that stand back go first.
        if count == 0 || fan_out.counters.to_release() > 0 {
            return Ok(0);
        }
        let (context, state) = run.context(self.limits);
        let MadeItems { parameters, work } =
            fan_out_items(&context, state, &fan_out.job, from, count)?;
        let made = u32::try_from(parameters.len()).unwrap_or(CHUNK);
        for parameters in parameters {
            self.add_item(id, parameters)?;
        }
        Ok(made.max((work * CHUNK).div_ceil(MadeItems::ALL_WORK)))
    }

    fn add_item(&mut self, id: JobId, parameters: JsonObject) -> Result<(), JobError> {
        let most = self.limits.max_item_bytes;
        let Some(fan_out) = self.fan_outs.get_mut(&id) else {
            return Ok(());
        };
        fan_out.parameter_bytes += weight_of_object(&parameters) as u64;
        if fan_out.parameter_bytes > most {
            let message =
                format!("the parameters of the items have more than {most} bytes together");
            return Err(ending::error("limit_exceeded", &message));
        }
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
            }
        }
        push_new(&mut self.changes.frames, &row);
        self.changes.new_jobs.push(row);
        Ok(())
    }

    /// The items can't be made.
    fn refuse(&mut self, id: JobId, error: JobError) -> Option<(RunId, Transition)> {
        let fan_out = self.fan_outs.get_mut(&id)?;
        let (run, job): (_, JobRef) = (fan_out.run, fan_out.job.clone());
        fan_out.end(id, Err(error.clone()), &mut self.changes.frames);
        if fan_out.is_new
            && let Some(row) = self.changes.new_jobs.iter_mut().find(|row| row.id == id)
        {
            row.error = Some(error.clone());
        }
        let event = Event::FanOutRefused { job, error };
        let transition = self.decide(run, event).ok()?.ok()?;
        Some((run, transition))
    }
}

impl LiveFanOut {
    fn item(&self, parent: JobId, index: i32, parameters: JsonObject, waits: bool) -> JobRow {
        JobRow {
            id: JobId::generate(),
            run: self.run,
            queue: self.queue.clone(),
            terms: self.terms,
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
            claim: None,
            error: None,
        }
    }
}

/// The job that stands for the step, while its items are worked on.
fn step_job(id: JobId, run: RunId, (queue, terms): (&str, JobTerms), new: &NewFanOut) -> JobRow {
    JobRow {
        id,
        run,
        queue: queue.to_owned(),
        terms,
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
        claim: None,
        error: None,
    }
}
