//! What a run's options come to: the priority of its jobs, and their limit.

use mobius_types::{JobOptions, ProjectId, RateLimit};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::runs::Saved;

/// The id of a limit.
pub(crate) type LimitId = Uuid;

/// How the jobs of a run are claimed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct JobTerms {
    pub(crate) priority: i16,
    pub(crate) limit: Option<LimitId>,
}

/// What a key is. A column, never a part of the key: clients may choose any text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Clients chose it.
    Key,
    /// The id of a saved workflow.
    Workflow,
    /// The name of specs that were never saved.
    Spec,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Workflow => "workflow",
            Self::Spec => "spec",
        }
    }
}

/// A limit as a start names it.
#[derive(Debug, Clone)]
pub(crate) struct NewLimit {
    pub(crate) id: LimitId,
    pub(crate) kind: &'static str,
    pub(crate) key: String,
    /// What it is from now on; none leaves it as it is.
    pub(crate) terms: Option<LimitTerms>,
}

/// What a limit lets through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitTerms {
    pub(crate) max_concurrency: Option<i32>,
    pub(crate) rate: Option<Rate>,
}

/// A rate limit in the terms of its clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) limit: i32,
    pub(crate) per_seconds: i32,
    pub(crate) burst: i32,
    pub(crate) interval_us: i64,
}

impl Rate {
    /// Claims come evenly (GCRA: one timestamp a limit), because any burst would count in two spans
    /// of time. Only of high rates some may come at once, as many as fall into twenty milliseconds,
    /// so that each claim need not wait for an alarm of its own; the rest comes so much slower that
    /// no span of time has more than `limit`.
    fn of(limit: RateLimit) -> Self {
        let burst = (limit.limit / (50 * limit.per_seconds)).max(1);
        let evenly = limit.limit - burst + 1;
        let interval_us = (limit.per_seconds * 1_000_000 + evenly - 1) / evenly;
        let int = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
        Self {
            limit: int(limit.limit),
            per_seconds: int(limit.per_seconds),
            burst: int(burst),
            interval_us,
        }
    }
}

/// A rate limit as clients see it.
pub(crate) fn rate(limit: Option<i32>, per_seconds: Option<i32>) -> Option<RateLimit> {
    Some(RateLimit {
        limit: limit?.into(),
        per_seconds: per_seconds?.into(),
    })
}

/// What the options of a run of the workflow come to.
pub(crate) fn terms(
    project: ProjectId,
    saved: &Saved,
    options: &JobOptions,
) -> (JobTerms, Option<NewLimit>) {
    let limit = limit(project, saved, options);
    let priority = options.priority.and_then(|it| i16::try_from(it).ok());
    let terms = JobTerms {
        priority: priority.unwrap_or_default(),
        limit: limit.as_ref().map(|limit| limit.id),
    };
    (terms, limit)
}

fn limit(project: ProjectId, saved: &Saved, options: &JobOptions) -> Option<NewLimit> {
    let (kind, key) = match (&options.concurrency_key, saved.id) {
        (Some(key), _) => (Kind::Key, key.clone()),
        (None, _) if !options.limits() => return None,
        (None, Some(id)) => (Kind::Workflow, id.to_string()),
        (None, None) => (Kind::Spec, saved.name.clone()),
    };
    let terms = options.limits().then(|| LimitTerms {
        max_concurrency: options.max_concurrency.and_then(|it| it.try_into().ok()),
        rate: options.rate_limit.map(Rate::of),
    });
    Some(NewLimit {
        id: id(project, kind, &key),
        kind: kind.as_str(),
        key,
        terms,
    })
}

/// The kind has one byte and the project a fixed length, so nothing that a key may be makes it the
/// id of another limit.
fn id(project: ProjectId, kind: Kind, key: &str) -> LimitId {
    let mut hash = Sha256::new();
    hash.update(project.as_uuid().as_bytes());
    hash.update([kind as u8]);
    hash.update(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most claims in a span of the limit's time that such a clock lets through.
    fn most(limit: i64, per_seconds: i64) -> i64 {
        let rate = Rate::of(RateLimit { limit, per_seconds });
        let span_us = per_seconds * 1_000_000;
        i64::from(rate.burst) + (span_us - 1) / rate.interval_us
    }

    #[test]
    fn no_span_of_time_has_more_claims_than_its_limit() {
        for limit in [1, 2, 7, 10, 49, 50, 51, 100, 999, 1_000, 12_345, 1_000_000] {
            for per_seconds in [1, 2, 7, 60, 3_600, 86_400] {
                let most = most(limit, per_seconds);
                assert!(most <= limit, "{most} of {limit} in {per_seconds} s");
                // The clock counts microseconds: of a million a second half would be lost.
                let nearly = (limit - limit / 10).min(per_seconds * 100_000);
                assert!(most >= nearly, "{most} of {limit} in {per_seconds} s");
            }
        }
    }

    #[test]
    fn a_key_of_a_client_is_never_that_of_a_workflow() {
        let project = ProjectId::generate();
        let ids = [Kind::Key, Kind::Workflow, Kind::Spec].map(|kind| id(project, kind, "a:b*"));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        assert_ne!(ids[0], id(ProjectId::generate(), Kind::Key, "a:b*"));
    }
}
