//! One open stream: a cursor that is moved on when its client takes bytes.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use mobius_store::events::Position;
use mobius_types::RunId;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{
    frame::{self, KEEP_ALIVE},
    hub::Following,
    recent::Taken,
    replay::{self, Page},
    seats::Seat,
};
use crate::{
    ApiError, App,
    access::{Access, grant},
};

/// After a replay that failed because Postgres was away, how long the next try waits.
const RETRY: Duration = Duration::from_millis(500);

/// Where a stream starts, and what it says first.
pub(crate) struct Start {
    after: i64,
    first: VecDeque<Bytes>,
}

impl Start {
    /// After the number that the client has seen, if that is possible, else live. A run's stream
    /// says how the run stands.
    pub(crate) fn at(position: &Position, run: Option<RunId>, since: Option<i64>) -> Self {
        let wanted = since.unwrap_or(position.head);
        let after = wanted.clamp(position.oldest - 1, position.head);
        // First, so that a client that is cut off after the seed knows of it.
        let reset = (after != wanted).then(|| frame::reset(run, wanted, after, position));
        let seed = run
            .zip(position.run.as_ref())
            .map(|(run, standing)| frame::seed(run, standing, after, position.now));
        Self {
            after,
            first: reset.into_iter().chain(seed).collect(),
        }
    }
}

/// An open stream.
pub(crate) struct Stream {
    app: App,
    access: Access<grant::RunRead>,
    run: Option<RunId>,
    following: Following,
    news: watch::Receiver<i64>,
    /// The number up to which everything was taken.
    cursor: i64,
    /// Taken, and not sent yet: a few frames at most.
    ready: VecDeque<Bytes>,
    /// A page that is being read. It is kept from beat to beat, because one that was begun anew
    /// would wait for its turn from the beginning.
    replaying: Option<Page>,
    next_beat: Instant,
    _seat: Seat,
}

impl Stream {
    /// A stream of the caller's project, or of one of its runs.
    pub(crate) fn new(
        app: App,
        access: Access<grant::RunRead>,
        run: Option<RunId>,
        (following, seat): (Following, Seat),
        start: Start,
    ) -> Self {
        Self {
            next_beat: Instant::now() + app.limits.keep_alive,
            news: following.news(),
            cursor: start.after,
            ready: start.first,
            replaying: None,
            run,
            following,
            app,
            access,
            _seat: seat,
        }
    }

    /// The bytes of the stream, made as they are asked for.
    pub(crate) fn into_bytes(self) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut stream| async {
            let bytes = stream.next().await?;
            Some((Ok(bytes), stream))
        })
    }

    /// What is sent next; `None` when the stream has to end.
    async fn next(&mut self) -> Option<Bytes> {
        let draining = self.following.hub.draining.clone();
        loop {
            if draining.is_cancelled() {
                return None;
            }
            if self.next_beat <= Instant::now() {
                return self.beat().await;
            }
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            draining.run_until_cancelled(self.advance()).await?.ok()?;
        }
    }

    /// Looks at the credential again, and says that the stream lives.
    async fn beat(&mut self) -> Option<Bytes> {
        self.next_beat = Instant::now() + self.app.limits.keep_alive;
        match self.access.look_again(&self.app).await {
            // While Postgres is away there is nothing to see that a key could be revoked for.
            Ok(()) | Err(ApiError::Unavailable) => Some(KEEP_ALIVE),
            Err(error) => {
                tracing::debug!(%error, "a stream's credential does not count any more");
                None
            }
        }
    }

    /// Takes frames, or waits for some until the next beat. An error ends the stream.
    async fn advance(&mut self) -> Result<(), ApiError> {
        if let Some(page) = self.replaying.take() {
            return self.take_page(page).await;
        }
        // Before the look: what comes after it then wakes us.
        self.news.mark_unchanged();
        match self.following.take(self.cursor, self.run) {
            Taken::Frames(frames, upto) => {
                self.ready = frames;
                self.cursor = upto;
            }
            Taken::UpToDate => tokio::select! {
                _ = self.news.changed() => {}
                () = sleep_until(self.next_beat) => {}
            },
            Taken::Behind => {
                let page = replay::begin(&self.following, self.run, self.cursor);
                self.replaying = Some(page);
            }
        }
        Ok(())
    }

    /// Waits for a page that is being read, until the next beat.
    async fn take_page(&mut self, mut page: Page) -> Result<(), ApiError> {
        let read = tokio::select! {
            read = &mut page => read,
            () = sleep_until(self.next_beat) => {
                self.replaying = Some(page);
                return Ok(());
            }
        };
        // It is not aborted while we hold it, so it can only have panicked.
        match read.map_err(|_| ApiError::Internal)? {
            Ok(replayed) => {
                self.ready = replayed.frames;
                self.cursor = replayed.upto;
                Ok(())
            }
            Err(error) if error.is_transient() => {
                sleep(RETRY).await;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
