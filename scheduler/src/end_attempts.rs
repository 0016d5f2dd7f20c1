//! Ends attempts that took longer than their timeout, alive or not.

use mobius_store::{
    Error, Store,
    jobs::{Ending, spent_attempts},
};

use crate::{Report, lanes::Lanes, overdue};

/// Ends the attempts whose time was over longest ago.
pub(crate) async fn tick(store: &Store, lanes: &mut Lanes) -> Result<Report, Error> {
    let mut connection = store.db().acquire().await?;
    let spent = spent_attempts(&mut connection, &lanes.busy(), overdue::LIMIT).await?;
    drop(connection);
    overdue::settle(store, lanes, spent, |job| Ending::TimedOut {
        attempt: job.attempt,
    })
    .await
}
