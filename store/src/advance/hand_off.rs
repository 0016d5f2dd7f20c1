//! Which of a batch's new jobs a waiting worker takes at once.

use std::collections::HashMap;

use mobius_types::{EventType, RunId, WorkflowRunStatus};
use serde_json::json;

use super::{Ledger, frames};
use crate::{
    hand_off::{HandOff, Lane, Takers},
    jobs::{ClaimSlot, ClaimedJob, push_claimed},
};

impl Ledger<'_> {
    /// Has new jobs taken by workers that wait for such. To be called when the batch is settled:
    /// what is made or stopped after this is not looked at.
    pub(crate) fn hand_off(&mut self, takers: &Takers) -> HandOff {
        let begun = self.changes.new_runs.iter().enumerate();
        let begun: HashMap<RunId, usize> = begun.map(|(place, run)| (run.wire.id, place)).collect();
        let rows = self.changes.new_jobs.iter().enumerate();
        let (places, lanes): (Vec<usize>, Vec<Lane<'_>>) = rows
            .filter(|(_, row)| row.is_claimable() && self.is_live(row.run, &begun))
            // Whether a limit lets one through is for a claim to find out.
            .filter(|(_, row)| row.limit().is_none())
            .map(|(place, row)| (place, row.lane()))
            .filter(|(_, lane)| !self.paused.holds(*lane))
            .unzip();
        let Some(reservation) = takers.reserve(self.project, &lanes) else {
            return HandOff::default();
        };
        let taken = places.into_iter().zip(reservation.slots).enumerate();
        let jobs = taken
            .filter_map(|(slot, (place, taker))| Some(self.claim_new(place, slot, taker?, &begun)));
        HandOff::new(jobs.collect(), reservation.settle)
    }

    /// Whether jobs of the run may be claimed.
    fn is_live(&self, run: RunId, begun: &HashMap<RunId, usize>) -> bool {
        let status = match self.runs.get(&run) {
            Some(run) if run.state.is_cancelling() => return false,
            Some(run) => run.status,
            None => match begun.get(&run) {
                Some(place) => self.changes.new_runs[*place].wire.status,
                None => return false,
            },
        };
        matches!(
            status,
            WorkflowRunStatus::Queued | WorkflowRunStatus::Running
        )
    }

    /// The job at `place` among the new ones goes to the worker.
    fn claim_new(
        &mut self,
        place: usize,
        slot: usize,
        taker: ClaimSlot,
        begun: &HashMap<RunId, usize>,
    ) -> ClaimedJob {
        let run = self.changes.new_jobs[place].run;
        let workflow_handle = match begun.get(&run) {
            Some(run) => self.begin_new(*run),
            None => self.begin_stored(run),
        };
        let row = &mut self.changes.new_jobs[place];
        push_claimed(&mut self.changes.frames, row, &taker.worker);
        row.claim = Some(taker);
        let job = &row.job;
        ClaimedJob {
            slot,
            id: row.id,
            run,
            workflow_handle,
            step_name: job.step.clone(),
            action: job.action.clone(),
            queue: row.queue.clone(),
            parameters: job.parameters.clone(),
            attempt: 1,
            timeout: job.timeout,
        }
    }

    /// A run that is inserted by this batch has its first claim; returns its workflow's handle.
    fn begin_new(&mut self, place: usize) -> String {
        let run = &mut self.changes.new_runs[place];
        if run.wire.status == WorkflowRunStatus::Queued {
            run.wire.status = WorkflowRunStatus::Running;
            run.wire.started_at = Some(self.now);
            let data = json!({ "status": run.wire.status, "attempt": run.wire.attempt });
            let frames = &mut self.changes.frames;
            frames.push(run.wire.id, EventType::RunUpdated, data);
        }
        run.handle.clone()
    }

    /// The same for one that this batch has loaded.
    fn begin_stored(&mut self, id: RunId) -> String {
        let run = self.runs.get_mut(&id);
        let run = run.expect("only jobs of runs that are loaded or new are handed out");
        if run.status == WorkflowRunStatus::Queued {
            run.status = WorkflowRunStatus::Running;
            run.changed = true;
            frames::push_run(&mut self.changes.frames, id, run);
            run.remember_shown();
        }
        run.handle.clone()
    }
}
