//! Makes the items of fan-outs that a replica left unmade.

use futures_util::future::join_all;
use mobius_store::{Error, Store, fan_outs};

use crate::{
    Report,
    put_off::{self, PUT_OFF},
};

/// How many fan-outs a tick works on at most.
const LIMIT: i64 = 100;

/// Makes the next items of those that are due longest. The replica goes on with them by itself.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = fan_outs::due(&mut connection, LIMIT).await?;
    drop(connection);
    let expanded = join_all(due.iter().map(|fan_out| store.expand_fan_out(*fan_out))).await;
    let found = due.len();
    let done = put_off::count_done(due.into_iter().zip(expanded), |fan_out, error| async move {
        tracing::error!(job = %fan_out.job, %error, "a fan-out can't go on; trying later");
        let mut connection = store.db().acquire().await?;
        fan_outs::postpone(&mut connection, fan_out, PUT_OFF).await
    });
    Ok(Report {
        done: done.await?,
        has_more: i64::try_from(found).is_ok_and(|count| count >= LIMIT),
    })
}
