//! Purges deleted projects, a bite at a time.

use mobius_store::{
    Error, Store,
    projects::{Purged, purge},
};

use crate::Report;

/// Deletes some rows of a deleted project.
pub(crate) async fn tick(store: &Store) -> Result<Report, Error> {
    let purged = store.db().write(|tx| Box::pin(purge(tx))).await?;
    Ok(match purged {
        Purged::Nothing => Report::default(),
        Purged::Rows(done) => Report {
            done,
            has_more: true,
        },
        Purged::Project => Report {
            done: 1,
            has_more: true,
        },
    })
}
