//! A process that serves, as the one that directs sees it.

use super::{
    Child,
    order::{ServeOrder, Target},
};

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) pid: u32,
    pub(crate) target: Target,
}

impl Server {
    /// Starts a control plane over a database.
    pub(crate) async fn control_plane(database_url: String) -> anyhow::Result<Self> {
        Self::start("serve", database_url).await
    }

    /// Starts the endpoint that answers with what it was sent.
    pub(crate) async fn echo() -> anyhow::Result<Self> {
        Self::start("serve-echo", String::new()).await
    }

    async fn start(role: &str, database_url: String) -> anyhow::Result<Self> {
        let mut child = Child::of_ours(role)?;
        child.tell(&ServeOrder { database_url }).await?;
        Ok(Self {
            target: child.hear().await?,
            pid: child.pid()?,
            child,
        })
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.child.end().await
    }
}
