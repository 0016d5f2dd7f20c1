//! The command line. Every setting is a flag with an environment variable of the same name.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::BoolishValueParser};
use mobius_api::Limits as RequestLimits;
use mobius_store::{DbOptions, Limits, Settings, jobs::LeaseTerms};
use mobius_worker_sdk::{Client, ConfigError};
use url::Url;

use crate::runs::RunsArguments;

/// A distributed job queue and workflow control plane over Postgres.
#[derive(Debug, Parser)]
#[command(name = "mobius", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) logging: LoggingArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `mobius` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the control plane over a Postgres of your own.
    Server(ServerArguments),
    /// Run everything on this machine: a private Postgres, the control plane and a worker.
    Dev(DevArguments),
    /// Show what it does: count a source tree with a private Postgres, then clean up.
    Demo(DemoArguments),
    /// Run a worker with the stock actions.
    Worker(WorkerArguments),
    /// List, show, cancel, retry, resume and signal runs.
    Runs(RunsArguments),
    /// Bring the schema of a database up to date.
    Migrate(DatabaseArguments),
    /// Make the first organisation and project where they are missing, and a new owner's key.
    Bootstrap(BootstrapArguments),
    /// Print the OpenAPI document that the server serves.
    Openapi,
}

/// What is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct LoggingArguments {
    /// What to log, such as `info` or `warn,mobius_api=debug`. Default: `info`; `warn` for `demo`.
    #[arg(long, env = "MOBIUS_LOG", global = true)]
    pub(crate) log: Option<String>,
    /// How to write log lines.
    #[arg(
        long,
        env = "MOBIUS_LOG_FORMAT",
        global = true,
        value_enum,
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArguments {
    /// The Postgres database, as a `postgres://` URL.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = postgres_url)]
    pub(crate) database_url: String,
}

/// `mobius server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// The address to listen on.
    #[arg(long, env = "MOBIUS_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// What this process does.
    #[arg(
        long,
        env = "MOBIUS_ROLES",
        value_enum,
        value_delimiter = ',',
        default_value = "api,scheduler"
    )]
    pub(crate) roles: Vec<Role>,
    /// Leave the schema as it is, and refuse to start when it is not up to date.
    #[arg(long, env = "MOBIUS_NO_MIGRATE", value_parser = BoolishValueParser::new())]
    pub(crate) no_migrate: bool,
    #[command(flatten)]
    pub(crate) tuning: TuningArguments,
}

/// What a server process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Answers HTTP.
    Api,
    /// Runs the background loops.
    Scheduler,
}

/// Times and limits of the control plane.
#[derive(Debug, Args)]
pub(crate) struct TuningArguments {
    /// The most connections to Postgres.
    #[arg(long, env = "MOBIUS_MAX_CONNECTIONS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(2..=1_000))]
    max_connections: u32,
    /// How often workers are asked for a heartbeat.
    #[arg(long, env = "MOBIUS_HEARTBEAT_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(1..=3_600))]
    heartbeat_seconds: u32,
    /// How long a lease holds after a claim and after each heartbeat.
    #[arg(long, env = "MOBIUS_LEASE_SECONDS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(2..=86_400))]
    lease_seconds: u32,
    /// How often a job whose worker fell silent is tried again before it fails.
    #[arg(long, env = "MOBIUS_MAX_RESCUES", default_value_t = Limits::default().max_rescues,
          value_parser = clap::value_parser!(i32).range(0..=1_000))]
    max_rescues: i32,
    /// The most jobs of one run.
    #[arg(long, env = "MOBIUS_MAX_RUN_JOBS", default_value_t = Limits::default().max_jobs)]
    max_run_jobs: u32,
    /// The most live branches of one run.
    #[arg(long, env = "MOBIUS_MAX_RUN_BRANCHES", default_value_t = Limits::default().max_branches)]
    max_run_branches: usize,
    /// The largest state of one run, in bytes.
    #[arg(long, env = "MOBIUS_MAX_STATE_BYTES",
          default_value_t = Limits::default().max_state_bytes)]
    max_state_bytes: usize,
    /// The most live items of `each` steps of one run.
    #[arg(long, env = "MOBIUS_MAX_RUN_ITEMS", default_value_t = Limits::default().max_items)]
    max_run_items: u32,
    /// The most bytes of JSON that the parameters of the items of one `each` step may have together.
    #[arg(long, env = "MOBIUS_MAX_ITEM_BYTES", default_value_t = Limits::default().max_item_bytes)]
    max_item_bytes: u64,
    /// The most child runs of one project that have not ended.
    #[arg(long, env = "MOBIUS_MAX_LIVE_CHILDREN",
          default_value_t = Limits::default().max_live_children)]
    max_live_children: u32,
    /// The most signals of one run that nothing has consumed yet.
    #[arg(long, env = "MOBIUS_MAX_STORED_SIGNALS",
          default_value_t = Limits::default().max_stored_signals)]
    max_stored_signals: u32,
    /// The most bytes of JSON that the payloads of those signals may have together.
    #[arg(long, env = "MOBIUS_MAX_STORED_SIGNAL_BYTES",
          default_value_t = Limits::default().max_stored_signal_bytes)]
    max_stored_signal_bytes: u64,
    /// The largest workflow spec, in bytes of JSON.
    #[arg(long, env = "MOBIUS_MAX_SPEC_BYTES",
          default_value_t = RequestLimits::default().spec_bytes)]
    max_spec_bytes: usize,
    /// The largest inputs of a run, in bytes of JSON.
    #[arg(long, env = "MOBIUS_MAX_INPUTS_BYTES",
          default_value_t = RequestLimits::default().inputs_bytes)]
    max_inputs_bytes: usize,
    /// The largest result of an action, in bytes.
    #[arg(long, env = "MOBIUS_MAX_RESULT_BYTES",
          default_value_t = RequestLimits::default().result_bytes)]
    max_result_bytes: usize,
    /// The largest payload of an event of a worker, in bytes of JSON.
    #[arg(long, env = "MOBIUS_MAX_EVENT_BYTES",
          default_value_t = RequestLimits::default().event_bytes)]
    max_event_bytes: usize,
    /// How many events a second a job may add in the long run, at each replica; 0: any number.
    /// Default: 100; any number for `dev`.
    #[arg(long, env = "MOBIUS_JOB_EVENTS_PER_SECOND")]
    job_events_per_second: Option<u32>,
    /// How many event streams and waiting calls of tools a key may have open at a time, at each
    /// replica; 0: any number. Default: 100; any number for `dev`.
    #[arg(long, env = "MOBIUS_STREAMS_PER_KEY")]
    streams_per_key: Option<usize>,
}

impl TuningArguments {
    /// What the store is told.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        if self.lease_seconds <= self.heartbeat_seconds {
            anyhow::bail!(
                "MOBIUS_LEASE_SECONDS ({}) must be more than MOBIUS_HEARTBEAT_SECONDS ({}), \
                 or every lease ends before its heartbeat",
                self.lease_seconds,
                self.heartbeat_seconds,
            );
        }
        Ok(Settings {
            terms: LeaseTerms {
                lease: Duration::from_secs(self.lease_seconds.into()),
                heartbeat: Duration::from_secs(self.heartbeat_seconds.into()),
            },
            limits: Limits {
                max_jobs: self.max_run_jobs,
                max_branches: self.max_run_branches,
                max_state_bytes: self.max_state_bytes,
                max_rescues: self.max_rescues,
                max_items: self.max_run_items,
                max_item_bytes: self.max_item_bytes,
                max_inputs_bytes: self.max_inputs_bytes,
                max_result_bytes: self.max_result_bytes,
                max_live_children: self.max_live_children,
                max_stored_signals: self.max_stored_signals,
                max_stored_signal_bytes: self.max_stored_signal_bytes,
            },
        })
    }

    /// What the API of a server is told.
    pub(crate) fn request_limits(&self) -> RequestLimits {
        self.limits_over(RequestLimits::default())
    }

    /// What the API of `mobius dev` is told: whoever works alone is not counted.
    pub(crate) fn request_limits_for_one(&self) -> RequestLimits {
        self.limits_over(RequestLimits {
            job_events_per_second: 0,
            streams_per_key: 0,
            ..RequestLimits::default()
        })
    }

    fn limits_over(&self, defaults: RequestLimits) -> RequestLimits {
        RequestLimits {
            spec_bytes: self.max_spec_bytes,
            inputs_bytes: self.max_inputs_bytes,
            result_bytes: self.max_result_bytes,
            event_bytes: self.max_event_bytes,
            job_events_per_second: self
                .job_events_per_second
                .unwrap_or(defaults.job_events_per_second),
            streams_per_key: self.streams_per_key.unwrap_or(defaults.streams_per_key),
            ..defaults
        }
    }

    /// How to reach the database.
    pub(crate) fn database(&self, url: &str) -> DbOptions {
        DbOptions {
            max_connections: self.max_connections,
            ..DbOptions::new(url)
        }
    }
}

/// Where Postgres comes from when no URL is given.
#[derive(Debug, Args)]
pub(crate) struct PrivatePostgresArguments {
    /// A Postgres database to use instead of a private cluster, as a `postgres://` URL.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = postgres_url)]
    pub(crate) database_url: Option<String>,
    /// The directory with `initdb` and `postgres`; found in the usual places when absent.
    #[arg(long, env = "MOBIUS_PG_BIN")]
    pub(crate) pg_bin: Option<PathBuf>,
    /// Never install Postgres. Without this, root on Debian gets it from the package manager when
    /// it is missing.
    #[arg(long, env = "MOBIUS_NO_INSTALL_POSTGRES", value_parser = BoolishValueParser::new())]
    pub(crate) no_install_postgres: bool,
}

/// `mobius dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArguments {
    /// The port on 127.0.0.1; 0 takes any free one.
    #[arg(long, env = "MOBIUS_PORT", default_value_t = 8080)]
    pub(crate) port: u16,
    /// Where the data and `credentials.json` are kept.
    #[arg(long, env = "MOBIUS_DATA_DIR", default_value = ".mobius")]
    pub(crate) data_dir: PathBuf,
    /// Start no worker.
    #[arg(long, env = "MOBIUS_NO_WORKER", value_parser = BoolishValueParser::new())]
    pub(crate) no_worker: bool,
    /// Give the worker the action `shell`: whoever may start a run can then run any command.
    #[arg(long, env = "MOBIUS_ALLOW_SHELL", value_parser = BoolishValueParser::new())]
    pub(crate) allow_shell: bool,
    #[command(flatten)]
    pub(crate) postgres: PrivatePostgresArguments,
    #[command(flatten)]
    pub(crate) tuning: TuningArguments,
}

/// `mobius demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// The directory to count.
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    /// How many files one job counts.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) portion: u32,
    #[command(flatten)]
    pub(crate) postgres: PrivatePostgresArguments,
}

/// Which control plane, and as whom.
#[derive(Debug, Args)]
pub(crate) struct ApiArguments {
    /// The control plane.
    #[arg(long, env = "MOBIUS_API_URL", default_value = "http://127.0.0.1:8080")]
    api_url: String,
    /// The API key.
    #[arg(long, env = "MOBIUS_API_KEY", hide_env_values = true)]
    api_key: String,
    /// The project; a worker with a key that is pinned to one needs none.
    #[arg(long, env = "MOBIUS_PROJECT")]
    project: Option<String>,
}

impl ApiArguments {
    /// A client that speaks to it.
    pub(crate) fn client(&self) -> Result<Client, ConfigError> {
        let client = Client::new(&self.api_url, &self.api_key)?;
        Ok(match &self.project {
            Some(project) => client.project(project),
            None => client,
        })
    }
}

/// `mobius worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    #[command(flatten)]
    pub(crate) api: ApiArguments,
    /// The queues to claim from, separated by commas; any when absent.
    #[arg(long, env = "MOBIUS_QUEUES", value_delimiter = ',')]
    pub(crate) queues: Vec<String>,
    /// How many actions to run at a time.
    #[arg(long, env = "MOBIUS_CONCURRENCY", default_value_t = 10)]
    pub(crate) concurrency: usize,
    /// Add the action `shell`: whoever may start a run can then run any command here.
    #[arg(long, env = "MOBIUS_ALLOW_SHELL", value_parser = BoolishValueParser::new())]
    pub(crate) allow_shell: bool,
}

/// `mobius bootstrap`.
#[derive(Debug, Args)]
pub(crate) struct BootstrapArguments {
    #[command(flatten)]
    pub(crate) database: DatabaseArguments,
    /// A name for the new key.
    #[arg(long, default_value = "bootstrap")]
    pub(crate) name: String,
}

/// Takes a URL as it stands. That it is one is checked before anything is started.
fn postgres_url(text: &str) -> Result<String, &'static str> {
    let scheme = Url::parse(text).map(|url| url.scheme().to_owned());
    match scheme.as_deref() {
        Ok("postgres" | "postgresql") => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("it must be a postgres:// URL"),
    }
}
