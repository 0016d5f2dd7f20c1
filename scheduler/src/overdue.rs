//! Settles claimed jobs whose time is over, for the loops that find them.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    jobs::{self, Ending, Overdue, Settlement},
};

use crate::Report;

/// How many jobs a tick settles at most.
pub(crate) const LIMIT: i64 = 500;

/// How long a job that can't be settled is put off, so that it hides none behind it.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Ends the attempts. One that was ended by somebody else meanwhile is simply done.
pub(crate) async fn settle(
    store: &Store,
    overdue: Vec<Overdue>,
    ending: fn(&Overdue) -> Ending,
) -> Result<Report, Error> {
    let count = overdue.len();
    let settled = join_all(overdue.iter().map(async |job| {
        let settlement = Settlement {
            job: job.job,
            ending: ending(job),
        };
        store.settle(job.project, settlement).await
    }));
    let mut done = 0;
    for (job, outcome) in overdue.iter().zip(settled.await) {
        match outcome {
            Ok(()) => done += 1,
            Err(Error::LeaseLost | Error::NotFound(_)) => {}
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => put_off(store, *job, &error).await?,
        }
    }
    Ok(Report {
        done,
        has_more: i64::try_from(count).is_ok_and(|count| count >= LIMIT),
    })
}

async fn put_off(store: &Store, job: Overdue, error: &Error) -> Result<(), Error> {
    tracing::error!(job = %job.job, %error, "an overdue job can't be settled; trying again later");
    let mut connection = store.db().acquire().await?;
    jobs::postpone(&mut connection, job, PUT_OFF).await
}
