//! Runs: started, listed, read, streamed, operated.

mod bulk;
mod operate;
mod read;
mod start;
mod stream;

pub(super) use start::prepare;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

/// The routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read::list_runs, start::start_run))
        .routes(routes!(bulk::cancel_runs))
        .routes(routes!(bulk::retry_runs))
        .routes(routes!(stream::stream_project_run_events))
        .routes(routes!(read::get_run))
        .routes(routes!(read::get_run_jobs))
        .routes(routes!(read::get_run_action_log))
        .routes(routes!(operate::cancel_run))
        .routes(routes!(operate::resume_run))
        .routes(routes!(operate::retry_run))
        .routes(routes!(operate::send_run_signal))
        .routes(routes!(stream::stream_run_events))
        .routes(routes!(read::list_workflow_runs, start::start_workflow_run))
}
