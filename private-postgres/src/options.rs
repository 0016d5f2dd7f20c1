//! What a caller decides about a cluster, and the server settings that follow from it.
//!
//! Nothing here reads the environment: settings are parsed in `main` and passed down.

use std::path::PathBuf;
use std::time::Duration;

/// How to run a private cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that stands for the cluster: it is created, locked, and holds the data, or
    /// (when the server's account can't reach it) the name of the place that does.
    pub data_dir: PathBuf,
    /// Whether the data must survive.
    pub durability: Durability,
    /// Whether Postgres may be installed when it is missing.
    pub install: Install,
    /// The only directory to take `initdb` and `postgres` from; the usual places when `None`.
    pub bin_dir: Option<PathBuf>,
    /// The most sessions the server accepts.
    pub max_connections: u16,
    /// How long a start may take; replaying the log after a crash counts.
    pub start_timeout: Duration,
}

/// Whether the data of a cluster must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A commit survives the loss of power.
    Durable,
    /// The data directory is deleted when the cluster stops. A commit survives a crash of the
    /// server, but not of the machine.
    Throwaway,
}

/// Whether Postgres may be installed when it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// The system's package manager is asked, where that needs no questions (root on Debian).
    Allowed,
    /// The error names the package instead.
    Refused,
}

impl Options {
    /// A cluster whose data stays in `data_dir` and survives a crash.
    pub fn durable(data_dir: impl Into<PathBuf>) -> Options {
        Options {
            data_dir: data_dir.into(),
            durability: Durability::Durable,
            install: Install::Allowed,
            bin_dir: None,
            max_connections: 100,
            start_timeout: Duration::from_secs(60),
        }
    }

    /// A fast cluster in a new temporary directory, deleted when it stops.
    pub fn throwaway() -> Options {
        let name = format!(
            "mobius-pg-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        Options {
            durability: Durability::Throwaway,
            max_connections: 200,
            ..Options::durable(std::env::temp_dir().join(name))
        }
    }
}

/// The server settings, as `name=value`.
pub(crate) fn server_settings(options: &Options) -> Vec<String> {
    let mut settings: Vec<String> = COMMON.iter().map(ToString::to_string).collect();
    let by_durability = match options.durability {
        Durability::Durable => DURABLE,
        Durability::Throwaway => THROWAWAY,
    };
    settings.extend(by_durability.iter().map(ToString::to_string));
    settings.push(format!("max_connections={}", options.max_connections));
    settings
}

/// For a machine that the server shares with us, and for tables that are queues: planner costs of
/// a solid-state disk, no compilation of queries that take microseconds, and a vacuum that comes
/// before dead entries slow the next claim.
const COMMON: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "jit=off",
    "random_page_cost=1.1",
    "max_wal_size=2GB",
    "autovacuum_naptime=10s",
    "autovacuum_vacuum_scale_factor=0.02",
    "autovacuum_analyze_scale_factor=0.02",
    "autovacuum_vacuum_cost_limit=2000",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %q%d ",
];

/// Said explicitly, so that no configuration file weakens the promise.
const DURABLE: &[&str] = &[
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=128MB",
];

/// Commits are still handed to the operating system one by one, so that they survive a server that
/// is killed; that costs little without a flush to the disk.
const THROWAWAY: &[&str] = &[
    "fsync=off",
    "synchronous_commit=on",
    "full_page_writes=off",
    "shared_buffers=32MB",
];
