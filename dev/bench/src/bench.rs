//! A whole bench: Postgres, the scenarios one after the other, the report.

use std::{path::Path, time::Instant};

use anyhow::{Context, bail, ensure};

use crate::{
    arguments::Arguments,
    load::Load,
    process::{
        Child, Server,
        meter::{Pids, Usage},
        order::{LoadOrder, Outcome, Ready},
        postgres::Postgres,
    },
    report::{Case, Report},
    scenarios::{SCENARIOS, Scenario, sql},
};

/// Where a full run leaves what it found.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance");

/// What the scenarios share.
pub(crate) struct Bench {
    pub(crate) postgres: Postgres,
    pub(crate) report: Report,
    pub(crate) quick: bool,
    pub(crate) full: bool,
    rounds: u32,
    control_database: String,
}

/// A fresh database, and mostly a server over it.
pub(crate) struct Stage {
    database: String,
    pub(crate) database_url: String,
    pub(crate) server: Option<Server>,
}

/// What a measurement showed.
pub(crate) struct Sample {
    pub(crate) outcome: Outcome,
    pub(crate) usage: Usage,
    /// Of the stage's database.
    pub(crate) transactions: i64,
}

/// Runs the chosen scenarios.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let chosen = chosen(&arguments)?;
    let begun = Instant::now();
    let mut postgres = Postgres::start(arguments.pg_bin.clone()).await?;
    let control_database = postgres.empty_database().await?;
    let mut bench = Bench {
        control_database,
        report: Report::new(postgres.version().await?, arguments.quick),
        postgres,
        quick: arguments.quick,
        full: arguments.full,
        rounds: if arguments.quick { 1 } else { arguments.rounds },
    };
    let mut failed = Vec::new();
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name, scenario.about);
        let since = Instant::now();
        if let Err(error) = (scenario.measure)(&mut bench).await {
            eprintln!("  FAILED: {error:#}");
            failed.push(scenario.name);
        }
        let seconds = since.elapsed().as_secs_f64();
        bench.report.took(scenario.name, seconds);
    }
    bench.postgres.stop().await?;
    let whole = arguments.only.is_empty() && !arguments.quick;
    let output = arguments.output.as_deref();
    let output = output.or_else(|| whole.then_some(Path::new(OUTPUT)));
    bench.report.finish(begun.elapsed().as_secs_f64(), output)?;
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

fn chosen(arguments: &Arguments) -> anyhow::Result<Vec<&'static Scenario>> {
    let unknown = arguments
        .only
        .iter()
        .find(|name| !SCENARIOS.iter().any(|scenario| scenario.name == *name));
    if let Some(name) = unknown {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        bail!(
            "there is no scenario {name}; there are {}",
            names.join(", ")
        );
    }
    let named = |scenario: &&Scenario| arguments.only.iter().any(|name| name == scenario.name);
    let wanted = |scenario: &&Scenario| match arguments.only.is_empty() {
        true => !arguments.quick || scenario.in_quick,
        false => named(scenario),
    };
    Ok(SCENARIOS.iter().filter(wanted).collect())
}

impl Bench {
    /// How often each case is measured.
    pub(crate) fn rounds(&self) -> std::ops::RangeInclusive<u32> {
        1..=self.rounds
    }

    /// An amount of work: a fiftieth of it shows that it works.
    pub(crate) fn amount(&self, amount: usize) -> usize {
        if self.quick {
            amount.div_ceil(50)
        } else {
            amount
        }
    }

    /// A fresh database with a control plane over it.
    pub(crate) async fn stage(&mut self) -> anyhow::Result<Stage> {
        let database = self.postgres.migrated_database().await?;
        let database_url = self.postgres.url(&database);
        let server = Server::control_plane(database_url.clone()).await?;
        Ok(Stage {
            database,
            database_url,
            server: Some(server),
        })
    }

    /// A fresh, empty database without a server.
    pub(crate) async fn empty_stage(&mut self) -> anyhow::Result<Stage> {
        let database = self.postgres.empty_database().await?;
        Ok(Stage {
            database_url: self.postgres.url(&database),
            database,
            server: None,
        })
    }

    /// Stops the server, and deletes the database.
    pub(crate) async fn end(&mut self, stage: Stage) -> anyhow::Result<()> {
        if let Some(server) = stage.server {
            server.stop().await?;
        }
        self.postgres.drop_database(&stage.database).await
    }

    /// Measures the control: the figures that follow are given as ratios to it, too.
    pub(crate) async fn control(&mut self) -> anyhow::Result<()> {
        let stage = Stage {
            database: self.control_database.clone(),
            database_url: self.postgres.url(&self.control_database),
            server: None,
        };
        let case = Case::new("control", "control: batch-1 SQL cycle", "runs/s");
        let load = Load::SqlCycle(sql::control(self.quick));
        let sample = self.sample(&stage, load).await?;
        self.report.set_control(sample.outcome.rate());
        self.report.note_sample(&case, &sample);
        Ok(())
    }

    /// Measures a load of ours, and notes its rate, its cost and its own figures.
    pub(crate) async fn measure(
        &mut self,
        case: &Case,
        stage: &Stage,
        load: Load,
    ) -> anyhow::Result<Sample> {
        let sample = self.sample(stage, load).await;
        let sample = sample.with_context(|| case.label.clone())?;
        self.report.note_sample(case, &sample);
        Ok(sample)
    }

    /// Lets a load of ours work, and notes nothing.
    pub(crate) async fn sample(&mut self, stage: &Stage, load: Load) -> anyhow::Result<Sample> {
        let mut child = Child::of_ours("load")?;
        let order = LoadOrder {
            target: stage.server.as_ref().map(|server| server.target.clone()),
            database_url: stage.database_url.clone(),
            load,
        };
        child.tell(&order).await?;
        self.watch(child, stage).await
    }

    /// Lets a prepared child work, and reads the counters of all processes before and after.
    pub(crate) async fn watch(
        &mut self,
        mut child: Child,
        stage: &Stage,
    ) -> anyhow::Result<Sample> {
        let _: Ready = child.hear().await?;
        self.postgres.checkpoint().await?;
        let pids = Pids {
            server: stage.server.as_ref().map(|server| server.pid),
            postgres: self.postgres.pid(),
            client: child.pid()?,
        };
        let transactions = self.postgres.transactions(&stage.database).await?;
        let (before, begun) = (pids.used()?, Instant::now());
        child.tell(&Ready { ready: true }).await?;
        let outcome: Outcome = child.hear().await?;
        let (after, seconds) = (pids.used()?, begun.elapsed().as_secs_f64());
        let sample = Sample {
            outcome,
            usage: pids.usage(&before, &after, seconds)?,
            transactions: self.postgres.transactions(&stage.database).await? - transactions,
        };
        child.end().await?;
        Ok(sample)
    }
}
