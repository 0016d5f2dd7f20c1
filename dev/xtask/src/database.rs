//! A private Postgres for the duration of a command.

use std::path::PathBuf;

use anyhow::Result;
use mobius_private_postgres::{Cluster, Options};

/// Starts a server that is deleted when it stops. Being in the environment, a server of the
/// developer's own is not asked: what is checked here should not depend on its state.
pub(crate) async fn start(bin_dir: Option<PathBuf>) -> Result<Cluster> {
    Ok(Cluster::start(Options {
        bin_dir,
        ..Options::throwaway()
    })
    .await?)
}
