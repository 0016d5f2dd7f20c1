//! How the jobs of a run are claimed: in which order, and how many of them at once.

use serde::{Deserialize, Serialize};

/// The largest priority; the smallest is its negative.
pub const MAX_PRIORITY: i64 = 100;

/// The most jobs that a limit may let be held at once.
pub const MAX_CONCURRENCY: i64 = 100_000;

/// The most claims that a rate limit may let through in its time.
pub const MAX_RATE: i64 = 1_000_000;

/// The longest time of a rate limit, in seconds.
pub const MAX_RATE_SECONDS: i64 = 86_400;

/// How many claims there may be in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many claims there may be in any span of that time, 1 to 1,000,000.
    pub limit: i64,
    /// The time in seconds, 1 to 86,400.
    pub per_seconds: i64,
}

/// What a workflow or a start asks for the jobs of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// Higher ones are claimed first.
    pub priority: Option<i64>,
    /// The key over whose jobs the limits count.
    pub concurrency_key: Option<String>,
    /// How many jobs of the key may be held at once.
    pub max_concurrency: Option<i64>,
    /// How many claims of the key there may be in how much time.
    pub rate_limit: Option<RateLimit>,
}

impl JobOptions {
    /// Fills in what is not said from elsewhere.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            priority: self.priority.or(other.priority),
            concurrency_key: self.concurrency_key.or(other.concurrency_key),
            max_concurrency: self.max_concurrency.or(other.max_concurrency),
            rate_limit: self.rate_limit.or(other.rate_limit),
        }
    }

    /// Whether it says how much there may be, and not only of what.
    #[must_use]
    pub const fn limits(&self) -> bool {
        self.max_concurrency.is_some() || self.rate_limit.is_some()
    }
}
