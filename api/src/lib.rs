//! The HTTP control plane: routes, access, parked long polls, the OpenAPI document.
//!
//! A handler extracts, calls the store, converts. It writes no SQL and decides nothing about runs.
//! This crate never imports the scheduler; the two meet in the store.

mod access;
mod app;
mod check;
mod connections;
mod credentials;
mod dispatch;
mod edge;
mod error;
mod extract;
mod limits;
mod openapi;
mod pace;
mod routes;
mod serve;
mod sightings;
mod stalled;
mod streams;

pub use app::App;
pub use error::ApiError;
pub use limits::Limits;
pub use openapi::document;
pub use serve::serve;
