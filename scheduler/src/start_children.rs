//! Starts the children of jobs whose time has come: attempts that were put off, and what a replica
//! left undone.

use futures_util::future::join_all;
use mobius_store::{Error, Store, children};

use crate::{
    Report,
    put_off::{self, PUT_OFF},
};

/// How many children a tick starts at most: some batches of the store.
const LIMIT: i64 = 500;

/// Starts those that have waited longest. One that somebody else has started is simply done.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = children::due_starts(&mut connection, LIMIT).await?;
    drop(connection);
    let started = join_all(due.iter().map(|start| store.start_child(*start))).await;
    let found = due.len();
    let done = put_off::count_done(due.into_iter().zip(started), |start, error| async move {
        tracing::error!(job = %start.job, %error, "a child can't start; trying later");
        let mut connection = store.db().acquire().await?;
        children::postpone_start(&mut connection, start, PUT_OFF).await
    });
    Ok(Report {
        done: done.await?,
        has_more: i64::try_from(found).is_ok_and(|count| count >= LIMIT),
    })
}
