//! Runs: started, listed, read.

mod read;
mod start;

pub(super) use start::prepare;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read::list_runs, start::start_run))
        .routes(routes!(read::get_run))
        .routes(routes!(read::get_run_jobs))
        .routes(routes!(read::list_workflow_runs, start::start_workflow_run))
}
