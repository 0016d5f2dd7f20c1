//! A private Postgres for the duration of a command.

use std::path::PathBuf;

use anyhow::Result;
use mobius_private_postgres::{Cluster, Options};

/// Starts a server that is deleted when it stops. `DATABASE_URL` is not looked at: what is checked
/// here must not depend on the state of a developer's own server.
pub(crate) async fn start(bin_dir: Option<PathBuf>) -> Result<Cluster> {
    Ok(Cluster::start(Options {
        bin_dir,
        ..Options::throwaway()
    })
    .await?)
}
