//! Tests of the engine through its public interface.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod branches;
mod failures;
mod limits;
mod properties;
mod simulation;
mod table;
mod validation;
