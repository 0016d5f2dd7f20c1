//! The operations, one module a resource. Each module opens with its table of routes.

pub(crate) mod health;
pub(crate) mod interactions;
pub(crate) mod jobs;
pub(crate) mod lanes;
pub(crate) mod projects;
pub(crate) mod runs;
pub(crate) mod tools;
pub(crate) mod workers;
pub(crate) mod workflows;
