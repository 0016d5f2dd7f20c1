//! Makes the items of fan-outs that a replica left unmade.

use futures_util::future::join_all;
use mobius_store::{
    Error, Store,
    fan_outs::{self, DueFanOut},
};

use crate::{
    Report,
    lanes::Lanes,
    put_off::{self, PUT_OFF},
};

/// How many fan-outs a tick works on at most.
const LIMIT: i64 = 100;

/// Makes the next items of those that are due longest. The replica goes on with them by itself.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let due = fan_outs::due(&mut connection, &lanes.busy(), LIMIT).await?;
    drop(connection);
    let has_more = i64::try_from(due.len()).is_ok_and(|count| count >= LIMIT);
    let expand = |due| expand(store.clone(), due);
    let done = lanes.deal(due, |fan_out| fan_out.project, expand).await?;
    Ok(Report { done, has_more })
}

async fn expand(store: Store, due: Vec<DueFanOut>) -> Result<u64, Error> {
    let expanded = join_all(due.iter().map(|fan_out| store.expand_fan_out(*fan_out))).await;
    let done = put_off::count_done(due.into_iter().zip(expanded), |fan_out, error| {
        let store = &store;
        async move {
            tracing::error!(job = %fan_out.job, %error, "a fan-out can't go on; trying later");
            let mut connection = store.db().acquire().await?;
            fan_outs::postpone(&mut connection, fan_out, PUT_OFF).await
        }
    });
    done.await
}
