//! The end of a fan-out: what its items gave back moves the run.

use std::collections::BTreeSet;

use mobius_engine::{Event, JobError, Rejected};
use mobius_types::{JobId, ProjectId};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Error, Specs,
    advance::{Ledger, ending, load},
};

/// A fan-out of which no more items are waited for.
pub(in crate::advance) struct EndedFanOut {
    pub(in crate::advance) fan_out: JobId,
    pub(in crate::advance) end: FanOutEnd,
}

/// How a fan-out has ended.
pub(in crate::advance) enum FanOutEnd {
    /// Every item has ended, and no more of them failed than may.
    Completed,
    /// Too many items have failed.
    Failed(JobError),
    /// The control plane can't go on with it.
    Refused(JobError),
}

impl Ledger<'_> {
    /// Moves the runs on whose fan-outs have ended. Their states and results are read here, once a
    /// fan-out and not once an item.
    pub(in crate::advance) async fn end_fan_outs(
        &mut self,
        connection: &mut PgConnection,
        specs: &Specs,
        project: ProjectId,
    ) -> Result<(), Error> {
        let ended = std::mem::take(&mut self.ended_fan_outs);
        if ended.is_empty() {
            return Ok(());
        }
        // The ends of the last items are among what is read now.
        self.write_ends(connection, project).await?;
        let of = |ended: &EndedFanOut| self.fan_outs.get(&ended.fan_out);
        let bare: BTreeSet<Uuid> = ended
            .iter()
            .filter_map(of)
            .filter(|fan_out| !self.runs.contains_key(&fan_out.run))
            .map(|fan_out| fan_out.run.as_uuid())
            .collect();
        if !bare.is_empty() {
            let wanted = load::Wanted::of_runs(bare.into_iter().collect());
            let mut runs = load::lock_runs(connection, specs, project, &wanted)
                .await?
                .whole;
            load::load_signals(connection, project, &mut runs).await?;
            self.runs.extend(runs);
            self.end_lost();
        }
        for ended in ended {
            self.end_fan_out(connection, project, ended).await?;
        }
        Ok(())
    }

    async fn end_fan_out(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        ended: EndedFanOut,
    ) -> Result<(), Error> {
        let EndedFanOut { fan_out: id, end } = ended;
        let Some(fan_out) = self.fan_outs.get(&id) else {
            return Ok(());
        };
        let (run, job, stores) = (fan_out.run, fan_out.job.clone(), fan_out.stores_results);
        let (result, event) = match end {
            FanOutEnd::Completed => match self.results(connection, project, id, stores).await? {
                Ok(results) => (Ok(()), Event::FanOutCompleted { job, results }),
                Err(error) => (Err(error.clone()), Event::FanOutRefused { job, error }),
            },
            FanOutEnd::Failed(error) => (Err(error.clone()), Event::FanOutFailed { job, error }),
            FanOutEnd::Refused(error) => (Err(error.clone()), Event::FanOutRefused { job, error }),
        };
        match self.decide(run, event)? {
            Ok(transition) => {
                if let Some(fan_out) = self.fan_outs.get_mut(&id) {
                    // Before what follows from it, which may be the end of the run.
                    fan_out.end(id, result, &mut self.changes.frames);
                }
                self.carry_out(run, transition, None);
                Ok(())
            }
            // The branch has left the step, or the run has ended: nothing waits for it.
            Err(Rejected::Ended | Rejected::Cancelling | Rejected::NotCurrent { .. }) => Ok(()),
            Err(rejected) => Err(rejected.into()),
        }
    }

    /// What the items gave back, if the step stores that.
    async fn results(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        id: JobId,
        stores: bool,
    ) -> Result<Result<Value, JobError>, Error> {
        if !stores {
            return Ok(Ok(Value::Null));
        }
        let most = self.limits.max_state_bytes;
        let bytes = load::result_bytes(connection, project, id).await?;
        if bytes > most as u64 {
            let message = format!("the results of the items have more than {most} bytes together");
            return Ok(Err(ending::error("limit_exceeded", &message)));
        }
        self.result_bytes += bytes;
        if self.is_shared && self.result_bytes > load::MAX_BYTES.into() {
            return Err(load::too_large());
        }
        Ok(Ok(load::results(connection, project, id).await?))
    }
}
