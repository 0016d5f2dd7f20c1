//! Settles claimed jobs whose time is over, for the loops that find them.

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    jobs::{self, Ending, Overdue, Settlement},
};

use crate::{
    Report,
    lanes::Lanes,
    put_off::{self, PUT_OFF},
};

/// How many jobs a tick settles at most.
pub(crate) const LIMIT: i64 = 500;

/// Ends the attempts. One that was ended by somebody else meanwhile is simply done.
pub(crate) async fn settle(
    store: &Store,
    lanes: &mut Lanes,
    overdue: Vec<Overdue>,
    ending: fn(&Overdue) -> Ending,
) -> Result<Report, Error> {
    let has_more = i64::try_from(overdue.len()).is_ok_and(|count| count >= LIMIT);
    let settle = |overdue| settle_lane(store.clone(), overdue, ending);
    let done = lanes.deal(overdue, |job| job.project, settle).await?;
    Ok(Report { done, has_more })
}

async fn settle_lane(
    store: Store,
    overdue: Vec<Overdue>,
    ending: fn(&Overdue) -> Ending,
) -> Result<u64, Error> {
    let settled = join_all(overdue.iter().map(async |job| {
        let settlement = Settlement {
            job: job.job,
            ending: ending(job),
        };
        store.settle(job.project, settlement).await
    }));
    let settled = settled.await;
    let mut tried: Vec<_> = overdue.into_iter().zip(settled).collect();
    tried.retain(|(_, outcome)| !matches!(outcome, Err(Error::LeaseLost | Error::NotFound(_))));
    let done = put_off::count_done(tried, |job, error| {
        let store = &store;
        async move {
            tracing::error!(job = %job.job, %error, "an overdue job can't be settled; trying later");
            let mut connection = store.db().acquire().await?;
            jobs::postpone(&mut connection, job, PUT_OFF).await
        }
    });
    done.await
}
