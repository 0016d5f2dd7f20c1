//! Starts the children of jobs whose time has come: attempts that were put off, and what a replica
//! left undone.

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    children::{self, DueStart},
};

use crate::{
    Report,
    lanes::Lanes,
    put_off::{self, PUT_OFF},
};

/// How many children a tick starts at most: some batches of the store.
const LIMIT: i64 = 500;

/// Starts those that have waited longest. One that somebody else has started is simply done.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = children::due_starts(&mut connection, &lanes.busy(), LIMIT).await?;
    drop(connection);
    let has_more = i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT);
    let start = |due| start(store.clone(), due);
    let done = lanes.deal(due, |start| start.project, start).await?;
    Ok(Report { done, has_more })
}

async fn start(store: Store, due: Vec<DueStart>) -> Result<u64, Error> {
    let started = join_all(due.iter().map(|start| store.start_child(*start))).await;
    let done = put_off::count_done(due.into_iter().zip(started), |start, error| {
        let store = &store;
        async move {
            tracing::error!(job = %start.job, %error, "a child can't start; trying later");
            let mut connection = store.db().acquire().await?;
            children::postpone_start(&mut connection, start, PUT_OFF).await
        }
    });
    done.await
}
