//! Tasks that work together until enough is done, and fail together.

use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::bail;
use tokio::{sync::Notify, task::JoinSet};

/// How much is to be done, and how much is.
#[derive(Default)]
pub(crate) struct Progress {
    done: AtomicUsize,
    wanted: AtomicUsize,
    reached: Notify,
}

impl Progress {
    /// So much is wanted.
    pub(crate) fn towards(wanted: usize) -> Self {
        Self {
            wanted: AtomicUsize::new(wanted),
            ..Self::default()
        }
    }

    /// Counts what was done, and returns how much that makes.
    pub(crate) fn add(&self, count: usize) -> usize {
        let done = self.done.fetch_add(count, Ordering::SeqCst) + count;
        self.tell_if_reached();
        done
    }

    /// So much is wanted from now on; for what is known only in the end.
    pub(crate) fn want(&self, wanted: usize) {
        self.wanted.store(wanted, Ordering::SeqCst);
        self.tell_if_reached();
    }

    /// How much was done.
    pub(crate) fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    fn tell_if_reached(&self) {
        if self.done() >= self.wanted.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }
}

/// The tasks.
#[derive(Default)]
pub(crate) struct Crew(JoinSet<anyhow::Result<()>>);

impl Crew {
    /// Adds a task.
    pub(crate) fn add(&mut self, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Waits until all have ended.
    pub(crate) async fn join(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.0.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Waits until enough is done, and leaves those that still run.
    pub(crate) async fn until_reached(&mut self, progress: &Progress) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = progress.reached.notified() => return Ok(()),
                ended = self.0.join_next() => match ended {
                    Some(ended) => ended??,
                    None if progress.done() >= progress.wanted.load(Ordering::SeqCst) => return Ok(()),
                    None => bail!("all tasks have ended, and too little is done"),
                },
            }
        }
    }
}
