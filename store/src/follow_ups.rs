//! What has to be done in a transaction of its own after another: more items of a fan-out, the
//! start of a child, and what a parent and its child mean for one another.
//!
//! It is begun right after the commit. Nothing relies on that: a replica may die in between, and
//! then a loop of the scheduler finds what is left to do.

use std::sync::{Arc, OnceLock, Weak};

use futures_util::future::join_all;
use mobius_types::ProjectId;

use crate::{Error, advance::Input, batch::Batcher};

/// Where follow-ups go. The batches hold it and it knows of the batches, so it must not keep them
/// alive.
#[derive(Default)]
pub(crate) struct FollowUps(OnceLock<Weak<Batcher<Input, ()>>>);

impl FollowUps {
    /// Follow-ups join these batches.
    pub(crate) fn go_to(&self, inputs: &Arc<Batcher<Input, ()>>) {
        // Set once, when the store is put together.
        let _ = self.0.set(Arc::downgrade(inputs));
    }

    /// Begins them, and waits for nothing.
    pub(crate) fn begin(&self, project: ProjectId, next: Vec<Input>) {
        let Some(inputs) = self.0.get().and_then(Weak::upgrade) else {
            return;
        };
        if next.is_empty() {
            return;
        }
        tokio::spawn(async move {
            let done = join_all(next.into_iter().map(|input| inputs.submit(project, input)));
            for outcome in done.await {
                match outcome {
                    // What it was about has ended by itself.
                    Ok(()) | Err(Error::NotFound(_) | Error::RunEnded | Error::LeaseLost) => {}
                    Err(error) => tracing::warn!(%project, %error, "left to the scheduler"),
                }
            }
        });
    }
}
