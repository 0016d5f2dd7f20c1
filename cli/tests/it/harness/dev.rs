//! `mobius dev` on a data directory.

use std::path::Path;

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
        let dev = Dev::start(data_dir, "0");
        dev.process.prints("Stop it with Ctrl-C").await;
        dev
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn start(data_dir: &Path, port: &str) -> Dev {
        let data_dir = data_dir.to_str().unwrap();
        let command = mobius(&["dev", "--port", port, "--data-dir", data_dir]);
        Dev {
            process: Process::start(command),
        }
    }
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
