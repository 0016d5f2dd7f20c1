//! Jobs on their way to a worker. Whatever is dropped on the way goes back.

use std::sync::Arc;

use mobius_store::{
    Store,
    jobs::{ClaimedJob, Fence},
};
use mobius_types::ProjectId;

/// Claimed jobs that no worker has been told of yet.
///
/// Between the claim's commit and the first byte of the answer the client may go away. Dropping
/// the offer anywhere on that way releases the jobs at once, instead of after a whole lease.
pub(crate) struct Offer {
    pending: Option<Pending>,
}

struct Pending {
    store: Arc<Store>,
    project: ProjectId,
    /// Until they are taken to be shown.
    jobs: Vec<ClaimedJob>,
    fences: Vec<Fence>,
}

impl Offer {
    /// Each job comes with the fence of its claim, in the same order.
    pub(super) fn new(
        store: Arc<Store>,
        project: ProjectId,
        jobs: Vec<ClaimedJob>,
        fences: Vec<Fence>,
    ) -> Self {
        Self {
            pending: Some(Pending {
                store,
                project,
                jobs,
                fences,
            }),
        }
    }

    /// Nothing to offer.
    pub(super) fn empty() -> Self {
        Self { pending: None }
    }

    /// The jobs, once, to show them. The claims stay in the offer's custody.
    pub(crate) fn take_jobs(&mut self) -> Vec<ClaimedJob> {
        let pending = self.pending.as_mut();
        pending.map_or_else(Vec::new, |pending| std::mem::take(&mut pending.jobs))
    }

    /// The answer is on its way to the client: from now on the lease decides.
    pub(crate) fn delivered(&mut self) {
        self.pending = None;
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let Some(Pending {
            store,
            project,
            fences,
            ..
        }) = self.pending.take()
        else {
            return;
        };
        // Without a runtime the process has ended, and the leases bring the jobs back.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let tasks = store.tasks().clone();
        let release = async move {
            for fence in fences {
                let job = fence.job;
                if let Err(error) = store.release(project, fence).await {
                    tracing::warn!(%error, %job, "a claim could not be given back; its lease will");
                }
            }
        };
        tasks.spawn_on(release, &runtime);
    }
}
