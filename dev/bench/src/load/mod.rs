//! The load of a scenario, in a process of its own: prepares, says so, waits for the word, works,
//! and says what it found.

pub(crate) mod client;
pub(crate) mod crew;
pub(crate) mod durations;
mod gate;
pub(crate) mod site;
pub(crate) mod work;

use serde::{Deserialize, Serialize};

use crate::{
    process::{order::LoadOrder, usage::allow_open_files},
    scenarios::{
        cycle::Cycle, drain::Drain, echo::Echo, fan_out::FanOut, latency::Latency, polls::Polls,
        sql::SqlCycle, starts::Starts, streams::Streams, timers::Timers,
    },
};

pub(crate) use gate::Gate;
pub(crate) use site::Site;

/// What a process makes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Load {
    Cycle(Cycle),
    Drain(Drain),
    Echo(Echo),
    FanOut(FanOut),
    Latency(Latency),
    Polls(Polls),
    SqlCycle(SqlCycle),
    Starts(Starts),
    Streams(Streams),
    Timers(Timers),
}

/// Does what is ordered on the standard input.
pub(crate) async fn run() -> anyhow::Result<()> {
    allow_open_files()?;
    let mut gate = Gate::new();
    let LoadOrder {
        target,
        database_url,
        load,
    } = gate.order().await?;
    let site = Site {
        target,
        database_url,
    };
    let outcome = match load {
        Load::Cycle(cycle) => cycle.make(&site, &mut gate).await,
        Load::Drain(drain) => drain.make(&site, &mut gate).await,
        Load::Echo(echo) => echo.make(&site, &mut gate).await,
        Load::FanOut(fan_out) => fan_out.make(&site, &mut gate).await,
        Load::Latency(latency) => latency.make(&site, &mut gate).await,
        Load::Polls(polls) => polls.make(&site, &mut gate).await,
        Load::SqlCycle(cycle) => cycle.make(&site, &mut gate).await,
        Load::Starts(starts) => starts.make(&site, &mut gate).await,
        Load::Streams(streams) => streams.make(&site, &mut gate).await,
        Load::Timers(timers) => timers.make(&site, &mut gate).await,
    };
    gate.close(&outcome?).await
}
