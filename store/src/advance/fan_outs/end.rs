//! The end of a fan-out: what its items gave back moves the run.

use std::collections::BTreeSet;

use mobius_engine::{Event, Rejected};
use mobius_types::ProjectId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::items::Over;
use crate::{
    Error, Specs,
    advance::{Ledger, ending, load},
};

impl Ledger<'_> {
    /// Moves the runs on whose fan-outs are over. Their states and results are read here, once a
    /// fan-out and not once an item.
    pub(in crate::advance) async fn end_fan_outs(
        &mut self,
        connection: &mut PgConnection,
        specs: &Specs,
        project: ProjectId,
    ) -> Result<(), Error> {
        let over = std::mem::take(&mut self.over);
        if over.is_empty() {
            return Ok(());
        }
        // The ends of the last items are among what is read now.
        self.write_ends(connection, project).await?;
        let bare: BTreeSet<Uuid> = over
            .iter()
            .filter_map(|over| self.fan_outs.get(&over.fan_out))
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
        for over in over {
            self.end_fan_out(connection, project, over).await?;
        }
        Ok(())
    }

    async fn end_fan_out(
        &mut self,
        connection: &mut PgConnection,
        project: ProjectId,
        over: Over,
    ) -> Result<(), Error> {
        let Some(fan_out) = self.fan_outs.get(&over.fan_out) else {
            return Ok(());
        };
        let (run, job, max_bytes) = (
            fan_out.run,
            fan_out.job.clone(),
            self.limits.max_state_bytes,
        );
        let results = match over.error {
            Some(error) => Err(error),
            None if fan_out.stores_results => {
                let results = load::results(connection, project, over.fan_out, max_bytes).await?;
                results.ok_or_else(|| {
                    let message = format!(
                        "the results of the items have more than {max_bytes} bytes together"
                    );
                    ending::error("limit_exceeded", &message)
                })
            }
            None => Ok(Value::Null),
        };
        let result = results.as_ref().map(|_| ()).map_err(Clone::clone);
        let event = match results {
            Ok(results) => Event::FanOutCompleted { job, results },
            Err(error) => Event::FanOutFailed { job, error },
        };
        if let Some(fan_out) = self.fan_outs.get_mut(&over.fan_out) {
            fan_out.end(result);
        }
        match self.decide(run, event)? {
            Ok(transition) => {
                self.carry_out(run, transition, None);
                Ok(())
            }
            // The branch has left the step, or the run has ended: nothing waits for it.
            Err(Rejected::Ended | Rejected::Cancelling | Rejected::NotCurrent { .. }) => Ok(()),
            Err(rejected) => Err(rejected.into()),
        }
    }
}
