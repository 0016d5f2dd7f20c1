//! Figures and their spread over the rounds.

use std::collections::BTreeMap;

use crate::scenarios::sql::CONTROL_SESSIONS;

/// Something that is measured in every round.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Stays the same, so that runs of the bench can be compared.
    pub(crate) id: String,
    pub(crate) label: String,
    /// What is counted, such as `runs/s`; empty when the rate means nothing.
    pub(crate) unit: &'static str,
}

impl Case {
    /// One with a name for programs, a name for people, and what is counted.
    pub(crate) fn new(id: impl Into<String>, label: impl Into<String>, unit: &'static str) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
            unit,
        }
    }
}

/// All figures of a case.
pub(super) struct CaseFigures {
    pub(super) case: Case,
    pub(super) figures: Vec<Figure>,
    /// Values that follow one another in time; of the last round.
    pub(super) series: BTreeMap<String, Vec<f64>>,
}

impl CaseFigures {
    pub(super) fn new(case: Case) -> Self {
        Self {
            case,
            figures: Vec::new(),
            series: BTreeMap::new(),
        }
    }

    /// The figure of this name, new if there is none.
    pub(super) fn figure(&mut self, name: &str) -> &mut Figure {
        let known = self.figures.iter().position(|figure| figure.name == name);
        let place = known.unwrap_or_else(|| {
            self.figures.push(Figure {
                name: name.to_owned(),
                values: Vec::new(),
                ratios: Vec::new(),
            });
            self.figures.len() - 1
        });
        &mut self.figures[place]
    }
}

/// A figure of each round.
pub(super) struct Figure {
    /// Ends with its unit.
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    /// The same as ratios to the control of the same minute, where that means something.
    pub(super) ratios: Vec<f64>,
}

impl Figure {
    pub(super) fn note(&mut self, value: f64, control: Option<f64>) {
        self.values.push(value);
        let ratio = control.and_then(|control| ratio(&self.name, value, control));
        self.ratios.extend(ratio);
    }

    pub(super) fn spread(&self) -> Spread {
        Spread::of(&self.values)
    }
}

/// A rate is compared with the rate of the control, and a time with the time of one cycle of it.
fn ratio(name: &str, value: f64, runs_per_second: f64) -> Option<f64> {
    let cycle_seconds = CONTROL_SESSIONS as f64 / runs_per_second;
    let of_processes = name.contains("queries/s");
    if name.ends_with("/s") && !of_processes {
        Some(value / runs_per_second)
    } else if name.ends_with(" ms") {
        Some(value / 1e3 / cycle_seconds)
    } else if name.ends_with(" s") {
        Some(value / cycle_seconds)
    } else {
        None
    }
}

/// The lowest, the middle and the highest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) lowest: f64,
    pub(super) median: f64,
    pub(super) highest: f64,
}

impl Spread {
    /// Of at least one value; of an even number, the lower of the two in the middle.
    pub(super) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            lowest: sorted[0],
            median: sorted[(sorted.len() - 1) / 2],
            highest: sorted[sorted.len() - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!(
            (spread.lowest, spread.median, spread.highest),
            (1.0, 2.0, 3.0)
        );
        assert_eq!(Spread::of(&[2.0, 1.0]).median, 1.0);
    }

    #[test]
    fn rates_and_times_are_compared_with_the_control_and_amounts_are_not() {
        assert_eq!(ratio("runs/s", 5_000.0, 2_500.0), Some(2.0));
        // 16 sessions at 1,600 runs a second: 10 ms a run.
        assert_eq!(ratio("p99 ms", 5.0, 1_600.0), Some(0.5));
        assert_eq!(ratio("end to end s", 1.0, 1_600.0), Some(100.0));
        assert_eq!(ratio("server MB", 50.0, 1_600.0), None);
        assert_eq!(ratio("queries/s", 50.0, 1_600.0), None);
    }
}
