//! Background loops, one file each, and the driver that runs them.
//!
//! Any number of schedulers may run over one database: each tick is idempotent, and the store
//! decides who was first. This crate never imports the API; the two meet in the store.

mod driver;
mod end_attempts;
mod end_children;
mod expand_fan_outs;
mod fire_timers;
mod lanes;
mod make_partitions;
mod overdue;
mod purge_projects;
mod put_off;
mod rescue_leases;
mod start_children;

pub use driver::{Report, run, tick_all};
