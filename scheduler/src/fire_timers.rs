//! Fires timers: sleeps that are over, and waits for signals and answers that took too long.

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    timers::{self, DueTimer},
};

use crate::{
    Report,
    lanes::Lanes,
    put_off::{self, PUT_OFF},
};

/// How many timers a tick fires at most: some batches of the store.
const LIMIT: i64 = 1_000;

/// Fires the timers whose time came longest ago. One that another scheduler has fired meanwhile is
/// simply done.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = timers::due(&mut connection, &lanes.busy(), LIMIT).await?;
    drop(connection);
    let has_more = i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT);
    let fire = |due| fire(store.clone(), due);
    let done = lanes.deal(due, |timer| timer.project, fire).await?;
    Ok(Report { done, has_more })
}

async fn fire(store: Store, due: Vec<DueTimer>) -> Result<u64, Error> {
    let fired = join_all(due.iter().map(|timer| store.fire_timer(timer.clone()))).await;
    let done = put_off::count_done(due.into_iter().zip(fired), |timer, error| {
        let store = &store;
        async move {
            tracing::error!(run = %timer.run, %error, "a timer can't fire; trying again later");
            let mut connection = store.db().acquire().await?;
            timers::postpone(&mut connection, &timer, PUT_OFF).await
        }
    });
    done.await
}
