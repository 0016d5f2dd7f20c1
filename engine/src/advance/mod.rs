//! The state machine of a run: what follows from an event.
//!
//! | event \ run | new | live | cancelling | completed | failed |
//! |---|---|---|---|---|---|
//! | started | first step | rejected | rejected | rejected | rejected |
//! | job succeeded | rejected | complete the job, follow the edges | complete the job, count down | complete the job | complete the job |
//! | job failed | rejected | retry, or fail the job: catch or fail the run | fail the job, count down | fail the job | fail the job |
//! | job refused | rejected | fail the job: catch or fail the run | fail the job, count down | fail the job | fail the job |
//! | lease expired | rejected | rescue, or fail the job: catch or fail the run | fail the job, count down | fail the job | fail the job |
//! | fan-out completed | rejected | follow the edges | rejected | rejected | rejected |
//! | fan-out failed | rejected | stop its items: catch or fail the run | rejected | rejected | rejected |
//! | fan-out refused | rejected | stop its items: catch or fail the run | rejected | rejected | rejected |
//! | timer fired | rejected | follow the edges, or go to `on_timeout`, or fail the run | rejected | rejected | rejected |
//! | signal | rejected | give it to the branch that waits longest, or store it | rejected | rejected | rejected |
//! | answer | rejected | follow the edges | rejected | rejected | rejected |
//! | resumed | rejected | let paused branches go on; rejected if there is none | rejected | rejected | rejected |
//! | cancel | rejected | stop everything; the run fails when no worker holds a job of it | nothing | rejected | rejected |
//! | retry | rejected | rejected | rejected | rejected | go on, or start anew |
//!
//! An event about a step execution that its branch has left behind is rejected and changes
//! nothing; only a job is ended all the same, because its row must not stay open. While the run is
//! cancelling every job counts, current or not: workers hold also those of before a retry.

mod closed;
mod live;

use mobius_types::Timestamp;

pub(crate) use live::current;

use crate::{
    action::{Action, Transition},
    event::Event,
    run::Run,
    state::{Phase, RunState},
    turn::Turn,
};

/// Why an event does not apply. Nothing has changed, and nothing is to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The run was started before.
    #[error("the run was started already")]
    AlreadyStarted,
    /// The run was not started yet.
    #[error("the run was not started yet")]
    NotStarted,
    /// The event is about a step execution that its branch has left behind, or that does not wait
    /// for such an event.
    #[error("step execution {visit} of branch `{branch}` is not its current one")]
    NotCurrent {
        /// The branch that the event named.
        branch: String,
        /// The step execution that the event named.
        visit: i32,
    },
    /// The run has ended.
    #[error("the run has ended")]
    Ended,
    /// The run was cancelled, and ends when no worker holds a job of it any more.
    #[error("the run is being cancelled")]
    Cancelling,
    /// What was stored of the run can't be read, so it can't go on.
    #[error("the state of the run was lost; start another one")]
    Lost,
    /// No branch of the run is at a pause.
    #[error("the run is not paused")]
    NotPaused,
    /// Only failed runs can be retried.
    #[error("the run has not failed")]
    NotFailed,
    /// The signal would have to be stored, and there is no room.
    #[error("the run has {count} signals of {bytes} bytes that nothing has consumed yet")]
    TooManySignals {
        /// How many signals wait to be consumed.
        count: u32,
        /// How large they are together, written as JSON.
        bytes: u64,
    },
    /// The state was not made with this definition.
    #[error("the state names step {0}, which the definition does not have")]
    UnknownStep(usize),
}

/// Decides what follows from an event: changes the state, and says what to do.
///
/// The same run, state, event and `now` always give the same transition.
///
/// # Errors
/// The event does not apply to the run; see [`Rejected`]. The state is what it was.
pub fn advance(
    run: &Run<'_>,
    state: &mut RunState,
    event: Event,
    now: Timestamp,
) -> Result<Transition, Rejected> {
    let steps = run.definition.steps.len();
    let mut branches = state.branches.values();
    if let Some(lost) = branches.find(|branch| branch.step >= steps) {
        return Err(Rejected::UnknownStep(lost.step));
    }
    let before = state.mark();
    let actions = match &state.phase {
        Phase::New => before_the_start(run, state, &event, now),
        Phase::Live => live::advance(run, state, event, now),
        Phase::Cancelling { .. } => closed::cancelling(state, event),
        Phase::Completed => closed::ended(event),
        Phase::Failed => closed::failed(run, state, event, now),
        Phase::Lost => closed::lost(event),
    };
    Ok(Transition {
        actions: actions?,
        moved: state.mark() != before,
    })
}

fn before_the_start(
    run: &Run<'_>,
    state: &mut RunState,
    event: &Event,
    now: Timestamp,
) -> Result<Vec<Action>, Rejected> {
    if *event != Event::Started {
        return Err(Rejected::NotStarted);
    }
    let mut turn = Turn::new(run, state, now);
    turn.start();
    Ok(turn.finish())
}
