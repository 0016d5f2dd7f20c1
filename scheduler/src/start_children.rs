//! Starts the children of jobs whose time has come: attempts that were put off, and what a replica
//! left undone.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_store::{Error, Store, children};

use crate::Report;

/// How many children a tick starts at most: some batches of the store.
const LIMIT: i64 = 500;

/// How long a job that can't be dealt with is put off, so that it hides none behind it.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Starts those that have waited longest. One that somebody else has started is simply done.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = children::due_starts(&mut connection, LIMIT).await?;
    drop(connection);
    let started = join_all(due.iter().map(|start| store.start_child(*start))).await;
    let mut done = 0;
    for (start, outcome) in due.iter().zip(started) {
        match outcome {
            Ok(()) => done += 1,
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => {
                tracing::error!(job = %start.job, %error, "a child can't start; trying later");
                let mut connection = store.db().acquire().await?;
                children::postpone_start(&mut connection, *start, PUT_OFF).await?;
            }
        }
    }
    Ok(Report {
        done,
        has_more: i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT),
    })
}
