//! Workflow semantics: validation of specs, expressions, and the run state machine.
//!
//! A pure library: no I/O, no clock, no randomness. Its one caller locks a run, calls
//! [`advance`] with an event, and stores the new state together with the effects of the actions in
//! one transaction. Everything here is deterministic: the same events give the same state.

mod action;
mod advance;
mod budget;
mod definition;
mod event;
mod expression;
mod failure;
mod fan_out;
mod graph;
mod inputs;
mod job_options;
mod json;
mod name;
mod problem;
mod result;
mod retry;
mod run;
mod scope;
mod state;
mod steps;
mod template;
mod turn;
mod waiting;

pub use action::{Action, NewFanOut, NewInteraction, NewJob, Transition};
pub use advance::{Rejected, advance};
pub use definition::Definition;
pub use event::{Event, JobError, JobRef, RetryFrom, RetryProgress, Signal};
pub use fan_out::{
    FanOut, FanOutProgress, ItemDecision, ItemEvent, MadeItems, fan_out_items, settle_item,
};
pub use job_options::check_job_options;
pub use json::{MAX_DEPTH, is_deeper_than};
pub use problem::{Problem, Problems};
pub use result::result_value;
pub use run::{Limits, Run, RunFacts};
pub use state::RunState;
pub use steps::check_run_workflow;
