//! The processes of a measurement: how they are started, told what to do, and what they cost.

mod child;
pub(crate) mod input;
pub(crate) mod meter;
pub(crate) mod order;
pub(crate) mod postgres;
pub(crate) mod serve;
mod server;
pub(crate) mod usage;

pub(crate) use child::Child;
pub(crate) use server::Server;
