//! Tests of the engine through its public interface.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod branches;
mod each;
mod failures;
mod hostile;
mod joins;
mod limits;
mod operators;
mod properties;
mod simulation;
mod table;
mod validation;
mod waits;
