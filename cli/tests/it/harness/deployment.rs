//! A database with a key, and the servers and workers that run over it.

use std::process::Command;

use mobius_worker_sdk::Client;
use serde_json::Value;

use super::{Ended, Process, mobius};

/// A migrated database that has a key.
pub(crate) struct Deployment {
    database_url: String,
    api_key: String,
}

impl Deployment {
    /// Makes the key as an operator would.
    pub(crate) async fn over(database_url: &str) -> Deployment {
        let mut command = mobius(&["bootstrap"]);
        command.env("DATABASE_URL", database_url);
        let printed = Process::run(command).await.succeeded().concat();
        let made: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(made["project"], "default");
        Deployment {
            database_url: database_url.to_owned(),
            api_key: made["api_key"].as_str().unwrap().to_owned(),
        }
    }

    /// Starts a server with these settings, and waits until it serves.
    pub(crate) async fn server(&self, settings: &[(&str, &str)]) -> Server {
        let mut command = mobius(&["server", "--listen", "127.0.0.1:0"]);
        command.env("DATABASE_URL", &self.database_url);
        command.envs(settings.iter().copied());
        let process = Process::start(command);
        let line = process.logs("serving address=").await;
        let (_, address) = line.split_once("address=").unwrap();
        Server {
            base_url: format!("http://{address}"),
            api_key: self.api_key.clone(),
            process,
        }
    }
}

/// A server that serves.
pub(crate) struct Server {
    pub(crate) process: Process,
    base_url: String,
    api_key: String,
}

impl Server {
    /// A client of this server.
    pub(crate) fn client(&self) -> Client {
        let client = Client::new(&self.base_url, &self.api_key).unwrap();
        client.project("default")
    }

    /// Starts a worker that runs this many stock actions at a time, and waits until it claims.
    pub(crate) async fn worker(&self, concurrency: u32) -> Process {
        let process = Process::start(self.worker_command(concurrency));
        process.logs("the worker starts").await;
        process
    }

    /// Runs `mobius runs` with these arguments to its end.
    pub(crate) async fn runs(&self, arguments: &[&str]) -> Ended {
        let mut command = mobius(&["runs"]);
        command.args(arguments);
        Process::run(self.with_credentials(command)).await
    }

    fn worker_command(&self, concurrency: u32) -> Command {
        let command = mobius(&["worker", "--concurrency", &concurrency.to_string()]);
        self.with_credentials(command)
    }

    fn with_credentials(&self, mut command: Command) -> Command {
        command
            .env("MOBIUS_API_URL", &self.base_url)
            .env("MOBIUS_API_KEY", &self.api_key)
            .env("MOBIUS_PROJECT", "default");
        command
    }
}
