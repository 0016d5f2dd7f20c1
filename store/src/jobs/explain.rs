//! Explains what one job waits for, clause by clause as the claims see it.

use mobius_types::{
    ExplainReason, ExplainedLimit, JobExplanation, JobId, JobStatus, LimitHolder, ProjectId,
    Timestamp,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, limits};

/// The most holders of a limit that are named.
const HOLDERS: i64 = 20;

/// The most jobs ahead that the statement counts.
const COUNTED: i64 = 1_000;

/// What the job waits for; `None` when there is no such job.
///
/// # Errors
/// The database failed.
pub async fn explain(
    connection: &mut PgConnection,
    project: ProjectId,
    job: JobId,
) -> Result<Option<JobExplanation>, Error> {
    let row = sqlx::query_file_as!(
        Row,
        "src/jobs/explain.sql",
        project.as_uuid(),
        job.as_uuid(),
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let holders = match row.limit_id {
        Some(limit) => holders(connection, project, limit).await?,
        None => Vec::new(),
    };
    Ok(Some(row.explain(job, holders)))
}

async fn holders(
    connection: &mut PgConnection,
    project: ProjectId,
    limit: Uuid,
) -> Result<Vec<LimitHolder>, Error> {
    let holders = sqlx::query_as!(
        LimitHolder,
        r#"select id as "job_id: JobId", claimed_by as worker_id, claimed_at as since from jobs
           where project_id = $1 and limit_id = $2 and status = 'claimed' and limit_id is not null
           order by claimed_at, id
           limit $3"#,
        project.as_uuid(),
        limit,
        HOLDERS,
    )
    .fetch_all(connection)
    .await?;
    Ok(holders)
}

struct Row {
    now: Timestamp,
    status: JobStatus,
    queue: String,
    action: String,
    server: bool,
    scheduled_at: Timestamp,
    claimed_by: Option<String>,
    has_child: bool,
    cancelling: bool,
    run_has_ended: bool,
    queue_paused_by: Option<String>,
    action_paused_by: Option<String>,
    limit_id: Option<Uuid>,
    concurrency_key: Option<String>,
    max_concurrency: Option<i32>,
    rate_limit: Option<i32>,
    rate_per_seconds: Option<i32>,
    held: i64,
    token_at: Option<Timestamp>,
    turn_at: Option<Timestamp>,
    ahead: i64,
    workers_seen: bool,
}

/// What is found out, clause by clause.
#[derive(Default)]
struct Findings {
    reasons: Vec<ExplainReason>,
    /// Whether something stands in the way.
    is_barred: bool,
    /// Whether nobody knows until when.
    is_open_ended: bool,
    /// Until when it is barred at least, as far as that is known.
    until: Option<Timestamp>,
}

impl Findings {
    fn add(&mut self, code: &str, message: impl Into<String>) {
        self.reasons.push(ExplainReason {
            code: code.to_owned(),
            message: message.into(),
        });
    }

    /// Something bars the job, and nobody knows until when.
    fn bar(&mut self, code: &str, message: impl Into<String>) {
        self.add(code, message);
        self.is_barred = true;
        self.is_open_ended = true;
    }

    fn bar_until(&mut self, at: Timestamp, code: &str, message: impl Into<String>) {
        self.add(code, message);
        self.is_barred = true;
        self.until = self.until.max(Some(at));
    }
}

impl Row {
    fn explain(self, job: JobId, holders: Vec<LimitHolder>) -> JobExplanation {
        let mut findings = Findings::default();
        self.standing(&mut findings);
        self.lane(&mut findings);
        self.limit(&mut findings);
        let claimable = !findings.is_barred;
        if claimable && self.ahead > 0 {
            let (jobs, of) = (self.ahead_in_words(), self.whose());
            findings.add("jobs_ahead", format!("{jobs} of its {of} go first"));
        }
        if claimable && !self.workers_seen {
            let message = "no worker has claimed in the project within the last two minutes";
            findings.add("no_worker", message);
        }
        let earliest = (!findings.is_open_ended).then(|| findings.until.unwrap_or(self.now));
        JobExplanation {
            job_id: job,
            status: self.status,
            claimable,
            earliest_at: earliest,
            ahead: self.ahead,
            workers_seen: self.workers_seen,
            limit: self.limit_id.map(|_| ExplainedLimit {
                concurrency_key: self.concurrency_key,
                max_concurrency: self.max_concurrency,
                held: self.held,
                holders,
                rate_limit: limits::rate(self.rate_limit, self.rate_per_seconds),
                next_token_at: self.token_at.filter(|_| self.rate_limit.is_some()),
            }),
            reasons: findings.reasons,
        }
    }

    /// Where the job and its run stand.
    fn standing(&self, findings: &mut Findings) {
        match self.status {
            JobStatus::Pending => {}
            JobStatus::Claimed if self.has_child => {
                findings.bar("claimed", "it waits for the run that it has started");
            }
            JobStatus::Claimed => {
                let worker = self.claimed_by.as_deref().unwrap_or("a worker");
                findings.bar("claimed", format!("`{worker}` has it"));
            }
            JobStatus::Completed | JobStatus::Failed => findings.bar("ended", "it has ended"),
            JobStatus::Waiting => {
                let message = "it waits for its items, or stands back behind others of its step";
                findings.bar("waiting_for_jobs", message);
            }
        }
        if self.server {
            let message = "the control plane runs it, and no worker";
            findings.bar("server_job", message);
        }
        if self.run_has_ended {
            findings.bar("run_ended", "its run has ended");
        }
        let has_ended = matches!(self.status, JobStatus::Completed | JobStatus::Failed);
        if self.cancelling && !has_ended {
            findings.add("cancelling", "its worker is told to stop");
        }
    }

    fn lane(&self, findings: &mut Findings) {
        let waits = matches!(self.status, JobStatus::Pending | JobStatus::Waiting);
        if !waits || self.server {
            return;
        }
        if self.status == JobStatus::Pending && self.scheduled_at > self.now {
            findings.bar_until(self.scheduled_at, "scheduled", "its time has not come");
        }
        if let Some(by) = &self.queue_paused_by {
            let message = format!("the queue `{}` was paused by {by}", self.queue);
            findings.bar("queue_paused", message);
        }
        if let Some(by) = &self.action_paused_by {
            let message = format!("the action `{}` was paused by {by}", self.action);
            findings.bar("action_paused", message);
        }
    }

    /// Those ahead take their share of what the limit lets through.
    fn limit(&self, findings: &mut Findings) {
        if self.status != JobStatus::Pending {
            return;
        }
        let taken = self.held + self.ahead;
        if let Some(most) = self.max_concurrency.filter(|most| taken >= (*most).into()) {
            let (held, ahead) = (self.held, self.ahead_in_words());
            let message = match self.ahead {
                0 => format!("{held} jobs of its limit are held, and {most} may be"),
                _ => {
                    format!("{held} jobs of its limit are held, {ahead} go first, of {most} in all")
                }
            };
            findings.bar("concurrency_limit", message);
        }
        if let Some(at) = self.turn_at.filter(|at| *at > self.now) {
            let message = match self.ahead {
                0 => "the rate of its limit lets no claim through yet".to_owned(),
                _ => format!(
                    "the rate of its limit lets {} through first",
                    self.ahead_in_words()
                ),
            };
            findings.bar_until(at, "rate_limit", message);
        }
    }

    /// How many go first; no more are counted than the statement looks at.
    fn ahead_in_words(&self) -> String {
        match self.ahead {
            1 => "1 job".to_owned(),
            COUNTED.. => format!("{COUNTED} or more jobs"),
            jobs => format!("{jobs} jobs"),
        }
    }

    /// Among whose jobs the order is.
    fn whose(&self) -> &'static str {
        match self.limit_id {
            Some(_) => "limit",
            None => "lane",
        }
    }
}
