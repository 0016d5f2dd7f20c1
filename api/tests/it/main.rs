//! Tests of the HTTP control plane, through HTTP: one file a resource and verb.
//!
//! Each test has a database and a server of its own. None knows what happens behind the routes,
//! except where it takes the router itself to drop an answer that was never sent.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod harness;
mod http;
mod interactions;
mod jobs;
mod openapi;
mod outage;
mod projects;
mod runs;
mod streams;
mod tools;
mod workers;
mod workflows;
