//! The command line of `mobius runs`.

use clap::{Args, Subcommand, ValueEnum};
use mobius_types::{
    BulkRetryRequest, BulkRunFilter, BulkRunRequest, RetryPoint, RunId, WorkflowRunStatus,
};

use crate::args::ApiArguments;

/// `mobius runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    #[command(flatten)]
    pub(super) api: ApiArguments,
    #[command(subcommand)]
    pub(super) command: RunsCommand,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// List runs, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// The most runs to list.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Show a run with its jobs and its result.
    Show {
        /// The run.
        id: RunId,
        /// Print JSON instead of tables.
        #[arg(long)]
        json: bool,
    },
    /// Cancel runs.
    Cancel {
        #[command(flatten)]
        runs: Chosen,
        /// Print JSON instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Let failed runs go on.
    Retry {
        #[command(flatten)]
        runs: Chosen,
        /// Where they go on.
        #[arg(long, value_enum, default_value = "failure")]
        from: RetryStart,
        /// Print JSON instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Let a paused run go on.
    Resume {
        /// The run.
        id: RunId,
    },
    /// Send a signal to a run.
    Signal {
        /// The run.
        id: RunId,
        /// The name that the run waits for.
        name: String,
        /// What the waiting step gets: a JSON object.
        #[arg(long)]
        payload: Option<String>,
    },
}

/// Runs by their ids, or by what they have in common.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// The runs. Without any, the filters choose.
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
}

/// What runs have in common.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Where they stand: queued, running, completed, failed or suspended.
    #[arg(long, value_parser = status)]
    pub(super) status: Option<WorkflowRunStatus>,
    /// The workflow's name.
    #[arg(long)]
    pub(super) workflow: Option<String>,
    /// The queue of their jobs.
    #[arg(long)]
    pub(super) queue: Option<String>,
    /// The run that started them as children.
    #[arg(long)]
    pub(super) parent: Option<RunId>,
    /// The label of what started them, such as the name of an API key.
    #[arg(long)]
    pub(super) initiated_by: Option<String>,
    /// The caller's own id.
    #[arg(long)]
    pub(super) external_id: Option<String>,
}

/// Where retried runs go on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RetryStart {
    /// At the steps that failed.
    Failure,
    /// At the beginning.
    Start,
}

impl From<RetryStart> for RetryPoint {
    fn from(from: RetryStart) -> Self {
        match from {
            RetryStart::Failure => Self::Failure,
            RetryStart::Start => Self::Start,
        }
    }
}

impl Chosen {
    /// The ids and the filter as requests have them; what is not used is left out.
    fn parts(self) -> (Option<Vec<String>>, Option<BulkRunFilter>) {
        let filter = BulkRunFilter::from(self.filter);
        let filter = (filter != BulkRunFilter::default()).then_some(filter);
        ((!self.ids.is_empty()).then_some(self.ids), filter)
    }

    /// The request that retries them.
    pub(super) fn retry(self, from: RetryPoint) -> BulkRetryRequest {
        let (run_ids, filter) = self.parts();
        BulkRetryRequest {
            run_ids,
            filter,
            from: Some(from),
        }
    }
}

impl From<Chosen> for BulkRunRequest {
    fn from(chosen: Chosen) -> Self {
        let (run_ids, filter) = chosen.parts();
        Self { run_ids, filter }
    }
}

fn status(text: &str) -> Result<WorkflowRunStatus, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}
