//! Replays: pages that a stream reads for itself while it is behind.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use mobius_store::{Error, events};
use mobius_types::{ProjectId, RunId};
use tokio_util::task::AbortOnDropHandle;

use super::{
    frame::{self, Frame},
    hub::{Following, Hub},
};

/// The frames that follow a number, and the number after which the next ones do.
pub(super) struct Replayed {
    pub(super) frames: VecDeque<Bytes>,
    pub(super) upto: i64,
}

/// A page that is being read.
pub(super) type Page = AbortOnDropHandle<Result<Replayed, Error>>;

/// Begins to read some of what follows, of one run or of all. It goes on by itself, so that a
/// client that takes nothing keeps nobody else from a turn; it ends when the handle is dropped.
pub(super) fn begin(following: &Following, run: Option<RunId>, since: i64) -> Page {
    let (hub, project) = (Arc::clone(&following.hub), following.project());
    AbortOnDropHandle::new(tokio::spawn(async move {
        replay(&hub, project, run, since).await
    }))
}

/// Says so when some is not kept any more.
async fn replay(
    hub: &Hub,
    project: ProjectId,
    run: Option<RunId>,
    since: i64,
) -> Result<Replayed, Error> {
    let _turn = hub.replays.acquire().await;
    let read = hub.store.db().read(|connection| {
        Box::pin(async move {
            let page = match run {
                Some(run) => events::page_of_run(connection, project, run, since).await?,
                None => events::page_of_project(connection, project, since).await?,
            };
            let position = if page.after > since {
                Some(events::position(connection, project, None).await?)
            } else {
                None
            };
            Ok((page, position))
        })
    });
    let (page, position) = read.await?;
    let reset = position.map(|position| frame::reset(run, since, page.after, &position));
    let frames = page.events.iter().map(|event| Frame::from(event).bytes);
    Ok(Replayed {
        frames: reset.into_iter().chain(frames).collect(),
        upto: page.upto.max(page.after),
    })
}
