//! Fires timers: sleeps that are over, and waits for signals and answers that took too long.

use futures_util::future::join_all;
use mobius_store::{Error, Store, timers};

use crate::{
    Report,
    put_off::{self, PUT_OFF},
};

/// How many timers a tick fires at most: some batches of the store.
const LIMIT: i64 = 1_000;

/// Fires the timers whose time came longest ago. One that another scheduler has fired meanwhile is
/// simply done.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = timers::due(&mut connection, LIMIT).await?;
    drop(connection);
    let fired = join_all(due.iter().map(|timer| store.fire_timer(timer.clone()))).await;
    let found = due.len();
    let done = put_off::count_done(due.into_iter().zip(fired), |timer, error| async move {
        tracing::error!(run = %timer.run, %error, "a timer can't fire; trying again later");
        let mut connection = store.db().acquire().await?;
        timers::postpone(&mut connection, &timer, PUT_OFF).await
    });
    Ok(Report {
        done: done.await?,
        has_more: i64::try_from(found).is_ok_and(|count| count >= LIMIT),
    })
}
