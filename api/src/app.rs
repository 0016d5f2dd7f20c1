//! What every handler has at hand, and the router over it.

use std::sync::Arc;

use axum::{Router, middleware};
use mobius_store::Store;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    ApiError, Limits, credentials::Credentials, dispatch::Dispatcher, extract::max_body, openapi,
    request_id, routes, sightings::Sightings,
};

/// The control plane as one process holds it. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Store,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) sightings: Arc<Sightings>,
    pub(crate) limits: Limits,
    draining: CancellationToken,
}

impl App {
    /// Puts the parts together. One store has one app: it takes the store's doorbell.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_limits(store, Limits::default())
    }

    /// The same with other sizes of requests.
    #[must_use]
    pub fn with_limits(store: Store, limits: Limits) -> Self {
        Self {
            limits,
            credentials: Arc::new(Credentials::new(store.db().clone())),
            dispatcher: Dispatcher::new(store.clone()),
            sightings: Arc::new(Sightings::new(store.db().clone())),
            draining: CancellationToken::new(),
            store,
        }
    }

    /// All routes, at the root and once more under `/v1`.
    pub fn router(&self) -> Router {
        let (operations, document) = operations(self.limits).split_for_parts();
        let api = operations
            .merge(routes::jobs::pinned_router(self.limits))
            .merge(routes::health::router())
            .merge(openapi::router(document));
        Router::new()
            .nest("/v1", api.clone())
            .merge(api)
            .fallback(|| async { ApiError::NotFound("path") })
            .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
            .layer(max_body(self.limits.body()))
            .layer(CatchPanicLayer::custom(openapi::panicked))
            .layer(middleware::from_fn(request_id::with_request_id))
            .with_state(self.clone())
    }

    /// Does what goes on between requests, until told to stop: hands out jobs, carries the
    /// doorbell, notes workers.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(
            Arc::clone(&self.dispatcher).run(stop.clone()),
            self.store.doorbell().run(stop.clone()),
            self.sightings.run(stop),
        );
    }

    /// Says that the server is about to stop: readiness is taken back, and parked claims are
    /// answered, so that their workers can go elsewhere.
    pub fn drain(&self) {
        self.draining.cancel();
        self.dispatcher.drain();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }
}

/// The operations of the contract and our own, with their documentation.
pub(crate) fn operations(limits: Limits) -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(routes::projects::router())
        .merge(routes::workflows::router())
        .merge(routes::runs::router())
        .merge(routes::jobs::router(limits))
        .merge(routes::workers::router())
}
