//! Makes the items of fan-outs that a replica left unmade.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_store::{Error, Store, fan_outs};

use crate::Report;

/// How many fan-outs a tick works on at most.
const LIMIT: i64 = 100;

/// How long a fan-out that can't be dealt with is put off, so that it hides none behind it.
const PUT_OFF: Duration = Duration::from_secs(60);

/// Makes the next items of those that are due longest. The replica goes on with them by itself.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = fan_outs::due(&mut connection, LIMIT).await?;
    drop(connection);
    let expanded = join_all(due.iter().map(|fan_out| store.expand_fan_out(*fan_out))).await;
    let mut done = 0;
    for (fan_out, outcome) in due.iter().zip(expanded) {
        match outcome {
            Ok(()) => done += 1,
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => {
                tracing::error!(job = %fan_out.job, %error, "a fan-out can't go on; trying later");
                let mut connection = store.db().acquire().await?;
                fan_outs::postpone(&mut connection, *fan_out, PUT_OFF).await?;
            }
        }
    }
    Ok(Report {
        done,
        has_more: i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT),
    })
}
