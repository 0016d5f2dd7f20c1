//! Ends jobs whose child has ended, and children that nobody waits for: what a replica left undone
//! that died between the two.

use futures_util::future::{BoxFuture, join_all};
use mobius_store::{
    Error, Store,
    children::{self, Loose},
};

use crate::Report;

/// How many are looked at together.
const PAGE: i64 = 500;

/// Looks at all there are, a page at a time: one that can't be dealt with is passed, and tried
/// again with the next tick.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut report = Report::default();
    let mut last = None;
    loop {
        let mut connection = store.db().acquire().await?;
        let page = children::ended(&mut connection, last, PAGE).await?;
        drop(connection);
        report.done += all(&page, |loose| Box::pin(store.end_parent_job(loose))).await?;
        last = page.last().copied();
        if last.is_none() {
            break;
        }
    }
    loop {
        let mut connection = store.db().acquire().await?;
        let page = children::orphans(&mut connection, last, PAGE).await?;
        drop(connection);
        report.done += all(&page, |loose| Box::pin(store.cancel_orphan(loose))).await?;
        last = page.last().copied();
        if last.is_none() {
            return Ok(report);
        }
    }
}

/// Deals with a page together. Returns how many of it are done.
async fn all<'s>(
    page: &[Loose],
    deal: impl Fn(Loose) -> BoxFuture<'s, Result<(), Error>>,
) -> Result<u64, Error> {
    let outcomes = join_all(page.iter().map(|loose| deal(*loose))).await;
    let mut done = 0;
    for (loose, outcome) in page.iter().zip(outcomes) {
        match outcome {
            Ok(()) => done += 1,
            Err(Error::RunEnded | Error::NotFound(_)) => {}
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => {
                tracing::error!(job = %loose.job, child = %loose.child, %error,
                                "a child can't be dealt with; trying again later");
            }
        }
    }
    Ok(done)
}
