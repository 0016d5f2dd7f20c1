//! What moves runs that exist: the ends of jobs, timers, signals, answers, and what operators do.
//!
//! All of it goes through one lane a project, so what arrives together shares a transaction.

use mobius_engine::{RetryFrom, Signal};
use mobius_types::{Interaction, JsonObject, ProjectId, RunId, SignalId};

use crate::{
    Answer, Error, Store,
    advance::{Input, Settlement},
    interactions,
    timers::DueTimer,
};

impl Store {
    /// Settles an ended attempt, together with others that arrive meanwhile.
    ///
    /// # Errors
    /// An unknown job, a fence that is over, or the database failed; then nothing changed.
    pub async fn settle(&self, project: ProjectId, settlement: Settlement) -> Result<(), Error> {
        self.advance(project, Input::JobEnded(settlement)).await
    }

    /// Lets a timer fire that was found due. One that nothing waits for any more only goes.
    ///
    /// # Errors
    /// The run can't be read, or the database failed; then the timer is still there.
    pub async fn fire_timer(&self, timer: DueTimer) -> Result<(), Error> {
        let DueTimer { project, run, job } = timer;
        self.advance(project, Input::TimerFired { run, job }).await
    }

    /// Stores a signal for a run. It is consumed exactly once: by the branch that has waited
    /// longest for its name, or else by the next that does.
    ///
    /// # Errors
    /// An unknown run, [`Error::RunEnded`], too many signals that nothing has consumed yet
    /// (`too_many_signals`), or the database failed; then nothing was stored.
    pub async fn send_signal(
        &self,
        project: ProjectId,
        run: RunId,
        name: String,
        payload: JsonObject,
    ) -> Result<SignalId, Error> {
        let id = SignalId::generate();
        let signal = Signal { id, name, payload };
        self.advance(project, Input::Signal { run, signal }).await?;
        Ok(id)
    }

    /// Ends a run: at once when no worker holds a job of it, else when none does any more; until
    /// then workers are told with their heartbeats. `by` tells people who wanted it. To ask again
    /// changes nothing.
    ///
    /// # Errors
    /// An unknown run, [`Error::RunEnded`], or the database failed; then nothing changed.
    pub async fn cancel_run(
        &self,
        project: ProjectId,
        run: RunId,
        by: String,
    ) -> Result<(), Error> {
        self.advance(project, Input::Cancel { run, by }).await
    }

    /// Ends every pause of a run.
    ///
    /// # Errors
    /// An unknown run, one that is not paused (`not_paused`), [`Error::RunEnded`], or the database
    /// failed; then nothing changed.
    pub async fn resume_run(&self, project: ProjectId, run: RunId) -> Result<(), Error> {
        self.advance(project, Input::Resume { run }).await
    }

    /// Lets a failed run go on, as its next attempt.
    ///
    /// # Errors
    /// An unknown run, one that has not failed (`not_failed`), or the database failed; then
    /// nothing changed.
    pub async fn retry_run(
        &self,
        project: ProjectId,
        run: RunId,
        from: RetryFrom,
    ) -> Result<(), Error> {
        self.advance(project, Input::Retry { run, from }).await
    }

    /// Gives a run the answer to an interaction that it waits for.
    ///
    /// # Errors
    /// An unknown interaction, one that is not open any more (`interaction_closed`), or the
    /// database failed; then nothing changed.
    pub async fn answer_interaction(
        &self,
        project: ProjectId,
        answer: Answer,
    ) -> Result<Interaction, Error> {
        let id = answer.interaction;
        let run = interactions::run_of(&mut *self.db().acquire().await?, project, id).await?;
        self.advance(project, Input::Answered { run, answer })
            .await?;
        interactions::get(&mut *self.db().acquire().await?, project, id)
            .await?
            .ok_or(Error::NotFound("interaction"))
    }

    async fn advance(&self, project: ProjectId, input: Input) -> Result<(), Error> {
        self.inputs.submit(project, input).await?;
        Ok(())
    }
}
