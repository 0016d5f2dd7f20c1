//! The one task of a project that follows its history, as long as there is a stream.

use std::{sync::Arc, time::Duration};

use mobius_store::{Error, Store, events};

use super::{feed::Feed, frame::Frame};

/// After a look that found the end, how long the next one waits: under load it then finds the
/// events of several commits.
const PAUSE: Duration = Duration::from_millis(5);

/// After a look that failed, how long the next one waits.
const RETRY: Duration = Duration::from_millis(250);

/// Follows the project until it is dropped.
pub(super) async fn follow(store: Store, feed: Arc<Feed>) {
    loop {
        // A task of its own: a panic, which would be a mistake of ours, must not silence the feed.
        let looks = tokio::spawn(look_on(store.clone(), Arc::clone(&feed)));
        let looks = AbortOnDrop(looks);
        if let Err(panic) = looks.ended().await {
            tracing::error!(%panic, "a reader of events panicked");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn look_on(store: Store, feed: Arc<Feed>) {
    loop {
        match look(&store, &feed).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::time::sleep(PAUSE).await;
                feed.wake.notified().await;
            }
            Err(error) => {
                tracing::debug!(%error, "a look for events failed");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Reads what follows; returns whether more was there.
async fn look(store: &Store, feed: &Feed) -> Result<bool, Error> {
    let project = feed.project;
    let Some(since) = feed.head() else {
        let heads = store
            .db()
            .read(|connection| Box::pin(async move { events::heads(connection, &[project]).await }))
            .await?;
        let (_, head) = heads.first().ok_or(Error::NotFound("project"))?;
        feed.start_after(*head);
        return Ok(true);
    };
    let page = store
        .db()
        .read(|connection| {
            Box::pin(async move { events::page_of_project(connection, project, since).await })
        })
        .await?;
    if page.after > since {
        feed.start_after(page.after);
    }
    let frames: Vec<Arc<Frame>> = page
        .events
        .iter()
        .map(|event| Arc::new(event.into()))
        .collect();
    feed.push(&frames);
    Ok(page.has_more)
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl AbortOnDrop {
    async fn ended(mut self) -> Result<(), tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
