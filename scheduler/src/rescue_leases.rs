//! Takes jobs back whose worker fell silent, so that another one runs them.

use mobius_store::{
    Error, Store,
    jobs::{Ending, expired_leases},
};

use crate::{Report, lanes::Lanes, overdue};

/// Ends the leases that expired longest ago.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let expired = expired_leases(&mut connection, &lanes.busy(), overdue::LIMIT).await?;
    drop(connection);
    overdue::settle(store, lanes, expired, |job| Ending::LeaseExpired {
        attempt: job.attempt,
    })
    .await
}
