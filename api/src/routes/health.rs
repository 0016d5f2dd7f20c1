//! Whether the process lives, and whether it can serve.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::json;

use crate::{ApiError, App};

/// The routes.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
}

/// The process answers; nothing more is said.
async fn alive() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

/// Postgres answers and has our schema, and the server is not about to stop.
async fn ready(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    if app.is_draining() {
        return Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "draining" })),
        ));
    }
    let mut connection = app.store.db().acquire().await?;
    if mobius_store::is_migrated(&mut connection).await? {
        Ok((StatusCode::OK, Json(json!({ "status": "ok" }))))
    } else {
        Ok((
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "status": "not migrated" })),
        ))
    }
}
