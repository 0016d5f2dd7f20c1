//! Tests of the store against real Postgres, a file a verb, races included.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod action_log;
mod branches;
mod cancel;
mod cancel_races;
mod cancelled_requests;
mod child_limits;
mod children;
mod claim;
mod claim_races;
mod events;
mod explain;
mod fan_out_bounds;
mod fan_out_frames;
mod fan_out_races;
mod fan_out_retries;
mod fan_out_rings;
mod fan_out_work;
mod fan_outs;
mod heartbeat;
mod history;
mod interactions;
mod invariants;
mod keys;
mod large_runs;
mod limit_ends;
mod limits;
mod lists;
mod model;
mod operations;
mod partitions;
mod pauses;
mod plans;
mod pool;
mod projects;
mod race;
mod rate_limits;
mod release;
mod rescue;
mod resume;
mod retry;
mod retry_races;
mod rows;
mod run_retry;
mod run_status;
mod scenes;
mod settle;
mod settle_races;
mod signals;
mod start;
mod timers;
mod wait_races;
