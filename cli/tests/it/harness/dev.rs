//! `mobius dev` on a data directory.

use std::path::Path;
use std::process::Command;

use mobius_worker_sdk::Client;
use serde::Deserialize;

use super::{Process, mobius};

/// A running `mobius dev`.
pub(crate) struct Dev {
    pub(crate) process: Process,
}

/// What it writes for clients.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) project: String,
}

impl Dev {
    /// Starts it on any free port, and waits until it is up.
    pub(crate) async fn up(data_dir: &Path) -> Dev {
        Dev::run(dev(data_dir, "0")).await
    }

    /// The same with leases so short that a test can wait for the end of one.
    pub(crate) async fn up_with_short_leases(data_dir: &Path) -> Dev {
        let mut command = dev(data_dir, "0");
        command.env("MOBIUS_HEARTBEAT_SECONDS", "1");
        command.env("MOBIUS_LEASE_SECONDS", "3");
        Dev::run(command).await
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn start(data_dir: &Path, port: &str) -> Dev {
        Dev {
            process: Process::start(dev(data_dir, port)),
        }
    }

    async fn run(command: Command) -> Dev {
        let process = Process::start(command);
        process.prints("Stop it with Ctrl-C").await;
        Dev { process }
    }
}

fn dev(data_dir: &Path, port: &str) -> Command {
    let data_dir = data_dir.to_str().unwrap();
    mobius(&["dev", "--port", port, "--data-dir", data_dir])
}

impl Credentials {
    pub(crate) fn read(data_dir: &Path) -> Credentials {
        let text = std::fs::read_to_string(data_dir.join("credentials.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        let client = Client::new(&self.base_url, &self.api_key).unwrap();
        client.project(&self.project)
    }
}
