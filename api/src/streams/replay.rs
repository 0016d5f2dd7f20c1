//! Replays: pages that a stream reads for itself while it is behind.

use std::collections::VecDeque;

use bytes::Bytes;
use mobius_store::{Error, events};
use mobius_types::RunId;

use super::{
    frame::{self, Frame},
    hub::Following,
};

/// The frames that follow a number, and the number after which the next ones do.
pub(super) struct Replayed {
    pub(super) frames: VecDeque<Bytes>,
    pub(super) upto: i64,
}

/// Reads some of what follows, of one run or of all. Says so when some is not kept any more.
pub(super) async fn replay(
    following: &Following,
    run: Option<RunId>,
    since: i64,
) -> Result<Replayed, Error> {
    let (hub, project) = (&following.hub, following.project());
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
