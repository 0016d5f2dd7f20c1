//! Other queues on the same Postgres, each with the settings that its authors recommend for
//! throughput, doing the same number of jobs that do nothing.
//!
//! They are libraries that talk to Postgres directly: no HTTP in between, no run beside the job,
//! and for most of them no history.

mod install;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use tokio::process::Command;

pub(crate) use install::set_up;

use crate::{bench::Bench, process::Child, report::Case};

/// How long a peer may take for one thing; its jobs are few.
const PATIENCE: Duration = Duration::from_secs(180);

/// A queue that is measured beside ours.
struct Peer {
    name: &'static str,
    /// What runs its programs.
    kind: Kind,
}

/// In what it is written, and so how it is installed and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Node,
    Python,
    Rust,
}

const PEERS: [Peer; 5] = [
    Peer {
        name: "graphile-worker",
        kind: Kind::Node,
    },
    Peer {
        name: "pg-boss",
        kind: Kind::Node,
    },
    Peer {
        name: "procrastinate",
        kind: Kind::Python,
    },
    Peer {
        name: "graphile_worker",
        kind: Kind::Rust,
    },
    Peer {
        name: "apalis-postgres",
        kind: Kind::Rust,
    },
];

/// What each is asked to do. Its program gets the word, and the number of jobs.
struct Mode {
    word: &'static str,
    label: &'static str,
    jobs: usize,
}

/// Few jobs where each is a call and a commit of its own, more where many share one.
const MODES: [Mode; 5] = [
    Mode {
        word: "enqueue-single",
        label: "single enqueue",
        jobs: 4_000,
    },
    Mode {
        word: "enqueue-bulk",
        label: "bulk enqueue",
        jobs: 20_000,
    },
    Mode {
        word: "drain-single",
        label: "drain one by one",
        jobs: 4_000,
    },
    Mode {
        word: "drain-best",
        label: "drain, best settings",
        jobs: 10_000,
    },
    Mode {
        word: "cycle",
        label: "single enqueue and one by one together",
        jobs: 4_000,
    },
];

/// Measures all that are installed.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    for peer in &PEERS {
        if let Err(why) = peer.program() {
            bench.report.skip(format!("{}: {why}", peer.name));
            continue;
        }
        for _ in bench.rounds() {
            bench.control().await?;
            for mode in &MODES {
                if let Err(error) = run(bench, peer, mode).await {
                    let name = peer.name;
                    bench
                        .report
                        .skip(format!("{name}, {}: {error:#}", mode.label));
                }
            }
        }
    }
    Ok(())
}

/// Lets a peer do one thing in a database of its own.
async fn run(bench: &mut Bench, peer: &Peer, mode: &Mode) -> anyhow::Result<()> {
    let stage = bench.empty_stage().await?;
    let id = format!("peer-{}-{}-{}", peer.name, peer.kind.word(), mode.word);
    let label = format!("{} ({}): {}", peer.name, peer.kind.language(), mode.label);
    let case = Case::new(id, label, "jobs/s");
    let mut command = peer.program()?;
    command.arg(mode.word).arg(mode.jobs.to_string());
    command.env("DATABASE_URL", &stage.database_url);
    let child = Child::spawn(peer.name, command)?;
    let watched = tokio::time::timeout(PATIENCE, bench.watch(child, &stage)).await;
    let watched = watched.unwrap_or_else(|_| bail!("it had not ended after {PATIENCE:?}"));
    if let Ok(sample) = &watched {
        bench.report.note_sample(&case, sample);
    }
    bench.end(stage).await?;
    watched.map(|_| ())
}

impl Peer {
    /// The command that starts its program, if it is installed.
    fn program(&self) -> anyhow::Result<Command> {
        let dir = install::directory()?;
        let (program, script) = match self.kind {
            Kind::Node => (
                PathBuf::from("node"),
                Some(format!("node/{}.js", self.name)),
            ),
            Kind::Python => {
                let script = format!("python/{}_peer.py", self.name);
                (dir.join("python/venv/bin/python"), Some(script))
            }
            Kind::Rust => (dir.join("rust/target/release").join(self.name), None),
        };
        let needed = match self.kind {
            Kind::Node => dir.join("node/node_modules").join(self.name),
            Kind::Python => dir.join("python/venv/installed"),
            Kind::Rust => program.clone(),
        };
        let hint = "it is not installed; `cargo xtask bench --set-up` installs the peers";
        needed.try_exists()?.then_some(()).context(hint)?;
        let mut command = Command::new(program);
        command.args(script.map(|script| dir.join(script)));
        Ok(command)
    }
}

impl Kind {
    const fn language(self) -> &'static str {
        match self {
            Self::Node => "Node.js",
            Self::Python => "Python",
            Self::Rust => "Rust",
        }
    }

    /// The directory of its programs.
    const fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}
