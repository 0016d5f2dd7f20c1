//! What every handler has at hand, and the router over it.

use std::{ops::Deref, sync::Arc};

use axum::Router;
use mobius_store::Store;
use mobius_types::{ProjectId, RunId};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    ApiError, Limits,
    credentials::Credentials,
    dispatch::Dispatcher,
    openapi,
    pace::Pace,
    routes,
    sightings::Sightings,
    streams::{Hub, Seats},
};

/// The control plane as one process holds it. One pointer, because every request clones it several
/// times on its way through the router.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an [`App`] points to.
pub struct Parts {
    pub(crate) store: Store,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) pace: Arc<Pace>,
    pub(crate) limits: Limits,
    draining: CancellationToken,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_limits(store, Limits::default())
    }

    /// The same with other sizes of requests.
    #[must_use]
    pub fn with_limits(store: Store, limits: Limits) -> Self {
        Self(Arc::new(Parts {
            limits,
            credentials: Arc::new(Credentials::new(store.db().clone())),
            dispatcher: Dispatcher::new(store.clone()),
            sightings: Arc::new(Sightings::new(store.db().clone())),
            hub: Hub::new(store.clone()),
            seats: Seats::new(limits.streams_per_key),
            pace: Arc::new(Pace::new(limits.job_events_per_second)),
            draining: CancellationToken::new(),
            store,
        }))
    }

    /// All routes, at the root and once more under `/v1`. What surrounds every request, whatever its
    /// route, is no layer of the router, which would copy and box it for each: see `edge`.
    pub fn router(&self) -> Router {
        let (operations, document) = operations().split_for_parts();
        let api = operations
            .merge(routes::jobs::pinned_router())
            .merge(routes::health::router())
            .merge(openapi::router(document));
        Router::new()
            .nest("/v1", api.clone())
            .merge(api)
            .fallback(|| async { ApiError::NotFound("path") })
            .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
            .with_state(self.clone())
    }

    /// Does what goes on between requests, until told to stop: hands out jobs, carries the
    /// doorbell, follows events, notes workers.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(
            Arc::clone(&self.dispatcher).run(stop.clone()),
            self.store.doorbell().run(stop.clone()),
            self.hub.run(stop.clone()),
            self.sightings.run(stop),
        );
    }

    /// Says that the server is about to stop: readiness is taken back, parked claims are answered
    /// and streams end, so that their clients can go elsewhere.
    pub fn drain(&self) {
        self.draining.cancel();
        self.dispatcher.drain();
        self.hub.drain();
    }

    /// Waits until the run has ended, for as long as the caller keeps the future. It asks no query
    /// while it waits, however many wait.
    ///
    /// # Errors
    /// No such run in the project, the database failed, or the server drains.
    pub async fn run_ended(&self, project: ProjectId, run: RunId) -> Result<(), ApiError> {
        self.hub.ended(project, run).await
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The operations of the contract and our own, with their documentation.
pub(crate) fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(routes::projects::router())
        .merge(routes::workflows::router())
        .merge(routes::runs::router())
        .merge(routes::jobs::router())
        .merge(routes::lanes::router())
        .merge(routes::workers::router())
        .merge(routes::tools::router())
        .merge(routes::interactions::router())
}
