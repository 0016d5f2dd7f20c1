//! The limit above all: an endpoint of the same framework that does nothing but answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::{
    bench::Bench,
    load::{Gate, Load, Site, crew::Crew, durations::Durations},
    process::{Server, order::Outcome},
    report::Case,
};

/// A body like that of a start.
const BODY: &[u8] = br#"{"definition_id":"wf_0123456789abcdef0123456789abcdef","inputs":{"n":1}}"#;

/// So many requests over so many connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Echo {
    pub(crate) callers: usize,
    pub(crate) requests: usize,
}

/// Measures it.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let case = Case::new(
        "echo",
        "limit: bare axum endpoint, 64 callers",
        "requests/s",
    );
    let mut stage = bench.empty_stage().await?;
    stage.server = Some(Server::echo().await?);
    for _ in bench.rounds() {
        bench.control().await?;
        let echo = Echo {
            callers: 64,
            requests: bench.amount(150_000),
        };
        bench.measure(&case, &stage, Load::Echo(echo)).await?;
    }
    bench.end(stage).await
}

impl Echo {
    /// Makes the load.
    pub(crate) async fn make(self, site: &Site, gate: &mut Gate) -> anyhow::Result<Outcome> {
        let clients = site.connect_many(self.callers).await?;
        gate.open().await?;
        let shared = Arc::new((AtomicUsize::new(0), Durations::default()));
        let begun = Instant::now();
        let mut crew = Crew::default();
        for mut client in clients {
            let shared = Arc::clone(&shared);
            crew.add(async move {
                let (next, calls) = &*shared;
                while next.fetch_add(1, Ordering::Relaxed) < self.requests {
                    let called = Instant::now();
                    client.post("/echo", BODY).await?;
                    calls.note(called.elapsed());
                }
                Ok(())
            });
        }
        crew.join().await?;
        let outcome = Outcome::new(self.requests, begun.elapsed().as_secs_f64());
        Ok(shared.1.add_to(outcome))
    }
}
