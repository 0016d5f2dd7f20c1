//! Tests of the background loops against real Postgres: several schedulers, bad rows, restarts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod attempts;
mod fan_outs;
mod lanes;
mod leases;
mod poison;
mod projects;
mod restart;
mod timers;
