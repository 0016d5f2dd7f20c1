//! Factories: everything a test needs before the thing it is about, with defaults.
//!
//! They go through the store as the product does, so what they make is what the product makes.
//! They panic when the store refuses, because then the test has no ground to stand on; what a
//! test is about it calls itself.

mod held;
mod operations;
mod run_draft;
mod specs;
mod tenant;
mod world;

pub use held::Held;
pub use run_draft::RunDraft;
pub use specs::{fork, one_step, spec, two_steps};
pub use tenant::Tenant;
pub use world::{World, store_over};
