//! What the figures should be.

use super::{Report, figures::Figure, names};

/// A goal for the median of a figure.
pub(super) struct Goal {
    pub(super) what: &'static str,
    case: &'static str,
    figure: &'static str,
    pub(super) bound: Bound,
}

/// How far a figure may go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

const fn goal(what: &'static str, case: &'static str, figure: &'static str, bound: Bound) -> Goal {
    Goal {
        what,
        case,
        figure,
        bound,
    }
}

const RATE: &str = "runs/s";
const P50: &str = "p50 ms";
const P99: &str = "p99 ms";
const CPU: &str = "server + Postgres CPU %";
const QUERIES: &str = "queries/s more than idle";
const SHARE: &str = "share of the empty-table rate";
const SLOWER: &str = "p99 to that of empty tables";

/// For a machine of two cores that server, Postgres, workers and clients share.
pub(super) const GOALS: &[Goal] = &[
    goal(
        "runs/s over HTTP, 256 + 256",
        "cycle-256",
        RATE,
        AtLeast(10_000.0),
    ),
    goal(
        "… times the best peer's cycle",
        "cycle-256",
        "times the best peer's cycle",
        AtLeast(5.0),
    ),
    goal(
        "… share of the batched SQL ceiling",
        "cycle-256",
        "share of the batched SQL ceiling",
        AtLeast(0.3),
    ),
    goal(
        "… CPU µs a run, server + Postgres",
        "cycle-256",
        names::BOTH,
        AtMost(130.0),
    ),
    goal(
        "runs/s over HTTP, 64 + 64",
        "cycle-64",
        RATE,
        AtLeast(8_000.0),
    ),
    goal("starts/s", "starts", "starts/s", AtLeast(25_000.0)),
    goal(
        "drain, one job a call, jobs/s",
        "drain-single",
        "jobs/s",
        AtLeast(12_000.0),
    ),
    goal(
        "drain, the SDK's batches, jobs/s",
        "drain-batch",
        "jobs/s",
        AtLeast(30_000.0),
    ),
    goal(
        "three-step workflow, runs/s",
        "workflow",
        RATE,
        AtLeast(3_500.0),
    ),
    goal(
        "`each` of 10,000, end to end, s",
        "each",
        "end to end s",
        AtMost(1.5),
    ),
    goal(
        "start to a waiting poll at 500/s, p50 ms",
        "latency-500",
        P50,
        AtMost(1.0),
    ),
    goal("… p99 ms", "latency-500", P99, AtMost(5.0)),
    goal(
        "start to a waiting poll at 50/s, p50 ms",
        "latency-50",
        P50,
        AtMost(2.0),
    ),
    goal("… p99 ms", "latency-50", P99, AtMost(8.0)),
    goal(
        "1,000 parked polls, queries/s",
        "polls-1000",
        QUERIES,
        AtMost(1.0),
    ),
    goal("… CPU %", "polls-1000", CPU, AtMost(1.0)),
    goal("… server MB", "polls-1000", "server MB", AtMost(64.0)),
    goal(
        "10,000 parked polls, queries/s",
        "polls-10000",
        QUERIES,
        AtMost(1.0),
    ),
    goal("… CPU %", "polls-10000", CPU, AtMost(1.0)),
    goal("… server MB", "polls-10000", "server MB", AtMost(350.0)),
    goal(
        "10,000 timers over 5 s, p99 ms late",
        "timers-spread",
        P99,
        AtMost(10.0),
    ),
    goal(
        "10,000 timers at one instant, all claimable, ms",
        "timers-instant",
        "longest ms",
        AtMost(150.0),
    ),
    goal(
        "event stream, 1,000 readers, p99 ms late",
        "streams",
        P99,
        AtMost(100.0),
    ),
    goal("… frames lost", "streams", "lost", AtMost(0.0)),
    goal(
        "1 million finished runs, share of the rate",
        "history-1m",
        SHARE,
        AtLeast(0.85),
    ),
    goal(
        "… p99, times that of empty tables",
        "history-1m",
        SLOWER,
        AtMost(1.5),
    ),
    goal(
        "10 million finished runs, share of the rate",
        "history-10m",
        SHARE,
        AtLeast(0.85),
    ),
    goal(
        "… p99, times that of empty tables",
        "history-10m",
        SLOWER,
        AtMost(1.5),
    ),
    goal(
        "a snapshot held open, share of the rate",
        "snapshot-held",
        "share of the normal rate",
        AtLeast(0.7),
    ),
    goal(
        "… share in the last 10 s",
        "snapshot-held",
        "share in the last 10 s",
        AtLeast(0.7),
    ),
];

impl Goal {
    /// What was measured for it.
    pub(super) fn figure<'r>(&self, report: &'r Report) -> Option<&'r Figure> {
        report.figure(self.case, self.figure)
    }
}

impl Bound {
    /// Whether a value reaches it.
    pub(super) fn is_met(self, value: f64) -> bool {
        match self {
            AtLeast(least) => value >= least,
            AtMost(most) => value <= most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_is_met() {
        assert!(AtLeast(2.0).is_met(2.0) && !AtLeast(2.0).is_met(1.9));
        assert!(AtMost(2.0).is_met(2.0) && !AtMost(2.0).is_met(2.1));
    }
}
