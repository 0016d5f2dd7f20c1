//! Fires timers: sleeps that are over, and waits for signals and answers that took too long.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    timers::{self, DueTimer},
};

use crate::Report;

/// How many timers a tick fires at most: some batches of the store.
const LIMIT: i64 = 1_000;

/// How long a timer that can't be dealt with is put off, so that it hides none behind it.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Fires the timers whose time came longest ago. One that another scheduler has fired meanwhile is
/// simply done.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = timers::due(&mut connection, LIMIT).await?;
    drop(connection);
    let fired = join_all(due.iter().map(|timer| store.fire_timer(timer.clone()))).await;
    let mut done = 0;
    for (timer, outcome) in due.iter().zip(fired) {
        match outcome {
            Ok(()) => done += 1,
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => put_off(store, timer, &error).await?,
        }
    }
    Ok(Report {
        done,
        has_more: i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT),
    })
}

async fn put_off(store: &Store, timer: &DueTimer, error: &Error) -> Result<(), Error> {
    tracing::error!(run = %timer.run, %error, "a timer can't fire; trying again later");
    let mut connection = store.db().acquire().await?;
    timers::postpone(&mut connection, timer, PUT_OFF).await
}
