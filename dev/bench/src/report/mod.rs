//! What was found: collected over the rounds, compared with the control and the goals, written.

mod derive;
mod figures;
mod goals;
mod json;
mod markdown;
mod plots;

use std::{fs, path::Path};

use anyhow::Context;

use crate::bench::Sample;
pub(crate) use figures::Case;
use figures::{CaseFigures, Figure};

/// The names of the figures that every load has.
pub(crate) mod names {
    pub(crate) const SERVER: &str = "CPU µs server";
    pub(crate) const POSTGRES: &str = "CPU µs Postgres";
    pub(crate) const BOTH: &str = "CPU µs server + Postgres";
    pub(crate) const CLIENT: &str = "CPU µs client";
    pub(crate) const OTHERS: &str = "others, cores";
}

/// All figures, in the order in which they were first measured.
pub(crate) struct Report {
    postgres_version: String,
    /// Whether the amounts were too small for the goals to mean anything.
    quick: bool,
    /// The control of this minute, in runs a second.
    control: Option<f64>,
    cases: Vec<CaseFigures>,
    /// Which scenario took how many seconds.
    times: Vec<(String, f64)>,
    /// What could not be measured, and why.
    skipped: Vec<String>,
}

impl Report {
    /// An empty one.
    pub(crate) fn new(postgres_version: String, quick: bool) -> Self {
        Self {
            postgres_version,
            quick,
            control: None,
            cases: Vec::new(),
            times: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// The control that the next figures are compared with.
    pub(crate) fn set_control(&mut self, runs_per_second: f64) {
        self.control = Some(runs_per_second);
    }

    /// Adds a figure of one round.
    pub(crate) fn note(&mut self, case: &Case, name: &str, value: f64) {
        let control = self.control;
        self.case(case).figure(name).note(value, control);
    }

    /// Adds what a load showed and what it cost, and says so.
    pub(crate) fn note_sample(&mut self, case: &Case, sample: &Sample) {
        let (outcome, usage) = (&sample.outcome, &sample.usage);
        if !case.unit.is_empty() {
            self.note(case, case.unit, outcome.rate());
            let microseconds = |seconds: f64| seconds * 1e6 / outcome.done as f64;
            let both = usage.server + usage.postgres;
            for (name, seconds) in [
                (names::SERVER, usage.server),
                (names::POSTGRES, usage.postgres),
                (names::BOTH, both),
                (names::CLIENT, usage.client),
            ] {
                self.note(case, name, microseconds(seconds));
            }
        }
        for (name, value) in &outcome.figures {
            self.note(case, name, *value);
        }
        self.note(case, names::OTHERS, usage.others / usage.seconds);
        self.case(case).series.extend(outcome.series.clone());
        eprintln!("  {}", progress(case, sample));
    }

    /// A scenario or a part of one can't be measured here.
    pub(crate) fn skip(&mut self, why: String) {
        eprintln!("  skipped: {why}");
        self.skipped.push(why);
    }

    /// A scenario took so long.
    pub(crate) fn took(&mut self, scenario: &str, seconds: f64) {
        self.times.push((scenario.to_owned(), seconds));
    }

    /// Prints the tables, and writes all to a directory if there is one.
    pub(crate) fn finish(mut self, seconds: f64, output: Option<&Path>) -> anyhow::Result<()> {
        derive::compare(&mut self);
        let table = markdown::render(&self, seconds);
        println!("{table}");
        let Some(dir) = output else { return Ok(()) };
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let mut files = vec![
            ("results.md", table),
            ("results.json", json::render(&self, seconds)),
        ];
        files.extend(plots::render(&self)?);
        for (name, text) in files {
            let path = dir.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        eprintln!("written to {}", dir.display());
        Ok(())
    }

    fn case(&mut self, case: &Case) -> &mut CaseFigures {
        let known = self.cases.iter().position(|known| known.case.id == case.id);
        let place = known.unwrap_or_else(|| {
            self.cases.push(CaseFigures::new(case.clone()));
            self.cases.len() - 1
        });
        &mut self.cases[place]
    }

    /// A figure, if it was measured.
    fn figure(&self, case: &str, name: &str) -> Option<&Figure> {
        let case = self.cases.iter().find(|known| known.case.id == case)?;
        case.figures.iter().find(|figure| figure.name == name)
    }
}

/// A line for whoever waits.
fn progress(case: &Case, sample: &Sample) -> String {
    let usage = &sample.usage;
    let mut parts = Vec::new();
    if !case.unit.is_empty() {
        parts.push(format!("{:.0} {}", sample.outcome.rate(), case.unit));
    }
    for (name, value) in &sample.outcome.figures {
        parts.push(format!("{name} {value:.2}"));
    }
    let others = usage.others / usage.seconds;
    parts.push(format!("{:.1} s, others {others:.2} cores", usage.seconds));
    format!("{}: {}", case.label, parts.join(", "))
}
