//! Jobs on their way to a worker. Whatever is dropped on the way goes back.

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
    store: Store,
    project: ProjectId,
    jobs: Vec<(ClaimedJob, Fence)>,
}

impl Offer {
    pub(super) fn new(store: Store, project: ProjectId, jobs: Vec<(ClaimedJob, Fence)>) -> Self {
        Self {
            pending: Some(Pending {
                store,
                project,
                jobs,
            }),
        }
    }

    /// Nothing to offer.
    pub(super) fn empty() -> Self {
        Self { pending: None }
    }

    /// The jobs.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &ClaimedJob> {
        self.pending
            .iter()
            .flat_map(|pending| &pending.jobs)
            .map(|(job, _)| job)
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
            jobs,
        }) = self.pending.take()
        else {
            return;
        };
        // Without a runtime the process is ending, and the leases bring the jobs back.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            for (_, fence) in jobs {
                let job = fence.job;
                if let Err(error) = store.release(project, fence).await {
                    tracing::warn!(%error, %job, "a claim could not be given back; its lease will");
                }
            }
        });
    }
}
