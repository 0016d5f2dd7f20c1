//! The line between preparing and measuring: the process that directs reads the counters of all
//! processes there, before and after.

use anyhow::Context;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::process::{
    input,
    order::{LoadOrder, Outcome, Ready},
};

/// This side of it.
pub(crate) struct Gate {
    lines: UnboundedReceiver<String>,
}

impl Gate {
    /// Begins to listen.
    pub(crate) fn new() -> Self {
        Self {
            lines: input::lines(),
        }
    }

    /// What is to be done.
    pub(crate) async fn order(&mut self) -> anyhow::Result<LoadOrder> {
        let line = self.lines.recv().await.context("nothing was ordered")?;
        serde_json::from_str(&line).context("the order is not understood")
    }

    /// Says that all is prepared, and returns when the measurement begins.
    pub(crate) async fn open(&mut self) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(&Ready { ready: true })?);
        self.lines.recv().await.context("it never began")?;
        Ok(())
    }

    /// Says what was found, and stays, with all connections open, until that was read.
    pub(crate) async fn close(mut self, outcome: &Outcome) -> anyhow::Result<()> {
        println!("{}", serde_json::to_string(outcome)?);
        while self.lines.recv().await.is_some() {}
        Ok(())
    }
}
