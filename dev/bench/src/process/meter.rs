//! What is read before and after a measurement, and what was used between.

use super::usage::{Processes, machine_seconds, resident_megabytes};

/// What was used between two moments, in seconds of CPU; `seconds` is the time itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) seconds: f64,
    pub(crate) server: f64,
    pub(crate) postgres: f64,
    pub(crate) client: f64,
    /// What nobody of ours used.
    pub(crate) others: f64,
    /// The memory of the server at the end, in MB.
    pub(crate) server_megabytes: f64,
}

/// Whose CPU time is told apart.
pub(crate) struct Pids {
    pub(crate) server: Option<u32>,
    pub(crate) postgres: u32,
    pub(crate) client: u32,
}

/// CPU seconds since each began.
pub(crate) struct Used {
    server: f64,
    postgres: f64,
    client: f64,
    /// The three, and this process.
    ours: f64,
    machine: f64,
}

impl Pids {
    /// Reads the counters.
    pub(crate) fn used(&self) -> anyhow::Result<Used> {
        let processes = Processes::read()?;
        let server = self.server.map_or(0.0, |pid| processes.seconds_of(pid));
        let postgres = processes.seconds_of_tree(self.postgres);
        let client = processes.seconds_of_tree(self.client);
        let director = processes.seconds_of(std::process::id());
        Ok(Used {
            server,
            postgres,
            client,
            ours: server + postgres + client + director,
            machine: machine_seconds()?,
        })
    }

    /// What was used between two readings that lie so many seconds apart.
    pub(crate) fn usage(&self, before: &Used, after: &Used, seconds: f64) -> anyhow::Result<Usage> {
        let used = |of: fn(&Used) -> f64| of(after) - of(before);
        let others = used(|used| used.machine) - used(|used| used.ours);
        Ok(Usage {
            seconds,
            server: used(|used| used.server),
            postgres: used(|used| used.postgres),
            client: used(|used| used.client),
            // Both sides count in ticks of a hundredth, so the difference may fall below zero.
            others: others.max(0.0),
            server_megabytes: self.server.map_or(Ok(0.0), resident_megabytes)?,
        })
    }
}
