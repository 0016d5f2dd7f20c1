//! What the processes of a measurement tell one another.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

use crate::load::Load;

/// What a process that serves is told first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServeOrder {
    /// A migrated database, for the control plane.
    pub(crate) database_url: String,
}

/// Where a process serves, and with which key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

/// What a process that makes load is told first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LoadOrder {
    /// What serves; none for load on the database alone.
    pub(crate) target: Option<Target>,
    pub(crate) database_url: String,
    pub(crate) load: Load,
}

/// A load is prepared, and waits for the word to begin.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) ready: bool,
}

/// What a load found out.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// How much was done: runs, jobs, or requests.
    pub(crate) done: u64,
    /// In how many seconds.
    pub(crate) seconds: f64,
    /// What else was measured, by name.
    #[serde(default)]
    pub(crate) figures: BTreeMap<String, f64>,
    /// Values that follow one another in time, by name.
    #[serde(default)]
    pub(crate) series: BTreeMap<String, Vec<f64>>,
}

impl Outcome {
    /// So much in so many seconds.
    pub(crate) fn new(done: usize, seconds: f64) -> Self {
        Self {
            done: done as u64,
            seconds,
            ..Self::default()
        }
    }

    /// Adds a figure.
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        self.figures.insert(name.to_owned(), value);
        self
    }

    /// How much a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.seconds
    }
}
