//! Rates: how many claims there are in how much time, by the clock of the database.

use std::time::Duration;

use mobius_store::jobs::ClaimFilter;
use mobius_test_support::factories::{Tenant, World};
use mobius_types::RateLimit;

use crate::limits::{end, keyed};

/// When claims of a key were made, in seconds since the first: as many as possible.
async fn claims_over_time(tenant: &Tenant, limit: i64, per_seconds: i64) -> Vec<f64> {
    let mut draft = keyed("k", 1);
    draft.options.max_concurrency = None;
    draft.options.rate_limit = Some(RateLimit { limit, per_seconds });
    tenant.start_many(&draft, 60).await;
    for _ in 0..60 {
        for held in tenant.claim("w", 100).await {
            end(tenant, &held).await;
        }
        let part = Duration::from_secs_f64(per_seconds as f64 / 13.0);
        tenant.advance_clock(part).await;
    }
    sqlx::query_scalar(
        "select extract(epoch from claimed_at)::float8 from jobs
         where project_id = $1 and claimed_at is not null order by claimed_at",
    )
    .bind(tenant.project.as_uuid())
    .fetch_all(&mut *tenant.connection().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn no_span_of_time_has_more_claims_than_the_rate() {
    for (limit, per_seconds) in [(1, 1), (5, 60), (10, 10)] {
        let world = World::create().await;
        let times = claims_over_time(world.tenant(), limit, per_seconds).await;
        for (place, from) in times.iter().enumerate() {
            let until = from + per_seconds as f64;
            let within = times[place..].iter().filter(|at| **at < until).count();
            assert!(
                i64::try_from(within).unwrap() <= limit,
                "{within}: {times:?}"
            );
        }
        assert!(times.len() >= 4, "{times:?}");
    }
}

#[tokio::test]
async fn a_claim_says_when_the_rate_lets_the_next_one_through() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut draft = keyed("k", 1);
    draft.options.max_concurrency = None;
    draft.options.rate_limit = Some(RateLimit {
        limit: 6,
        per_seconds: 60,
    });
    tenant.start_many(&draft, 2).await;
    let any = ClaimFilter {
        queues: Vec::new(),
        actions: Vec::new(),
    };
    let claimed = tenant.claim_filtered("w", 10, &any).await;
    assert_eq!(claimed.jobs.len(), 1);
    let opens_in = claimed.opens_in.unwrap();
    assert!(opens_in > Duration::from_secs(9) && opens_in <= Duration::from_secs(10));
    assert!(tenant.claim("w", 10).await.is_empty());
    tenant.advance_clock(opens_in).await;
    assert_eq!(tenant.claim("w", 10).await.len(), 1);
}

/// When the key's next claim would come if all came evenly.
async fn next_at(tenant: &Tenant) -> String {
    let next = "select rate_next_at::text from job_limits where project_id = $1";
    crate::rows::value(tenant, next).await
}

#[tokio::test]
async fn a_start_that_leaves_the_rate_as_it_is_gives_nothing_back() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut draft = keyed("k", 1_000);
    draft.options.rate_limit = Some(RateLimit {
        limit: 1_000,
        per_seconds: 1,
    });
    tenant.start_many(&draft, 100).await;
    assert!(!tenant.claim("w", 100).await.is_empty());
    let before = next_at(tenant).await;
    draft.options.max_concurrency = Some(999);
    tenant.start(draft).await;
    assert_eq!(next_at(tenant).await, before);
}
