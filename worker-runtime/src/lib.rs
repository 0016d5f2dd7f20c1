//! The stock worker: ready-made actions, so that a first workflow runs without code.
//!
//! | action | does |
//! |---|---|
//! | `print` | writes a message to standard output |
//! | `json` | gives a value, or parses a text |
//! | `time` | tells the worker's clock |
//! | `random` | draws a number |
//! | `sleep` | waits inside the worker |
//! | `fail` | fails, for good or until an attempt |
//! | `http` | makes an HTTP request |
//! | `shell` | runs a command, only where it is asked for |
//!
//! Each takes a JSON object, refuses fields that it does not know, and stops when it is told to.
//! The loop that runs them is [`mobius_worker_sdk::Worker`]; nothing here claims or reports.

pub mod stock;
