//! What is measured, one file a scenario: how it is directed, and the load that it makes.

pub(crate) mod cycle;
pub(crate) mod drain;
pub(crate) mod echo;
pub(crate) mod fan_out;
mod history;
pub(crate) mod latency;
pub(crate) mod peers;
pub(crate) mod polls;
mod snapshot;
pub(crate) mod sql;
pub(crate) mod starts;
pub(crate) mod streams;
pub(crate) mod timers;
mod workflow;

use futures_util::future::BoxFuture;

use crate::bench::Bench;

/// One of them.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) measure: for<'b> fn(&'b mut Bench) -> BoxFuture<'b, anyhow::Result<()>>,
    /// Whether it is part of the short run: nothing may have to be installed for it.
    pub(crate) in_quick: bool,
}

/// All, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "sql",
        about: "the limit: raw SQL of the same durable work",
        measure: |bench| Box::pin(sql::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "echo",
        about: "the limit: a bare axum endpoint",
        measure: |bench| Box::pin(echo::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "cycle",
        about: "start, claim, complete, one call each",
        measure: |bench| Box::pin(cycle::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "starts",
        about: "starts alone",
        measure: |bench| Box::pin(starts::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "drain",
        about: "a queue that was filled before is worked off",
        measure: |bench| Box::pin(drain::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "workflow",
        about: "three steps, one after the other",
        measure: |bench| Box::pin(workflow::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "each",
        about: "one step for each of 10,000 items",
        measure: |bench| Box::pin(fan_out::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "latency",
        about: "from a start to the job in a waiting poll",
        measure: |bench| Box::pin(latency::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "polls",
        about: "what parked polls cost",
        measure: |bench| Box::pin(polls::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "timers",
        about: "10,000 timers, at one instant and over 5 s",
        measure: |bench| Box::pin(timers::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "streams",
        about: "100 events a second to 1,000 readers",
        measure: |bench| Box::pin(streams::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "history",
        about: "the cycle beside millions of finished runs",
        measure: |bench| Box::pin(history::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "snapshot",
        about: "the cycle while a snapshot is held open",
        measure: |bench| Box::pin(snapshot::measure(bench)),
        in_quick: true,
    },
    Scenario {
        name: "peers",
        about: "other queues on this Postgres",
        measure: |bench| Box::pin(peers::measure(bench)),
        in_quick: false,
    },
];
