//! The report loop: tells the control plane how attempts ended, until it has heard.
//!
//! Reports that arrive while a request is in flight form the next one; a lone report goes at
//! once. A report is repeated until it is acknowledged, refused, or its lease can't have held.

use std::{collections::VecDeque, sync::Arc};

use mobius_types::{
    JobBatchCompleteItem, JobBatchCompleteRequest, JobBatchResponse, JobBatchResult, JobOutcome,
};
use tokio::{sync::mpsc, time::sleep};

use super::{api::JobApi, held::HeldJob, outcome, session::Session};
use crate::{ClientError, reconnect::Reconnect};

/// The most reports in one request.
const MAX_ITEMS: usize = 100;

/// About the most bytes in one request. A single report may be larger.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The report of an ended attempt, with the lease that it stands under.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) job: Arc<HeldJob>,
    pub(crate) item: JobBatchCompleteItem,
}

impl Report {
    /// About how many bytes it takes in a request.
    fn size(&self) -> usize {
        let report = &self.item.report;
        let texts = [
            &report.result_b64,
            &report.error_type,
            &report.error_message,
        ];
        let texts = texts.into_iter().flatten().map(String::len);
        texts.sum::<usize>() + 256
    }
}

/// The reports that wait to be sent, or to be sent again.
#[derive(Default)]
struct Outbox {
    waiting: VecDeque<Report>,
    /// So many of the next reports go one by one, because one of them spoils its batch.
    alone: usize,
}

impl Outbox {
    /// The next reports that go together. At least one, if there is any.
    fn batch(&mut self) -> Vec<Report> {
        let most = if self.alone > 0 { 1 } else { MAX_ITEMS };
        self.alone = self.alone.saturating_sub(1);
        let mut bytes = 0;
        let fitting = self.waiting.iter().take(most).take_while(|report| {
            let first = bytes == 0;
            bytes += report.size();
            first || bytes <= MAX_BYTES
        });
        let fitting = fitting.count();
        self.waiting.drain(..fitting).collect()
    }

    /// These go again, before all others.
    fn put_back(&mut self, reports: Vec<Report>) {
        for report in reports.into_iter().rev() {
            self.waiting.push_front(report);
        }
    }

    /// Forgets the reports whose leases have ended.
    fn drop_overdue<J>(&mut self, session: &Session<J>) {
        self.waiting.retain(|report| {
            let over = report.job.is_over();
            if over {
                tracing::warn!(
                    job_id = report.item.job_id,
                    "a report was given up: its lease has ended"
                );
                session.held.remove(&report.job);
            }
            !over
        });
    }
}

/// Sends reports until no more can come and none is left.
pub(crate) async fn run<J: JobApi>(session: Arc<Session<J>>, mut incoming: mpsc::Receiver<Report>) {
    let mut outbox = Outbox::default();
    let mut reconnect = Reconnect::new();
    loop {
        if outbox.waiting.is_empty() {
            let Some(report) = next(&session, &mut incoming).await else {
                return;
            };
            outbox.waiting.push_back(report);
        }
        while let Ok(report) = incoming.try_recv() {
            outbox.waiting.push_back(report);
        }
        outbox.drop_overdue(&session);
        let batch = outbox.batch();
        if batch.is_empty() {
            continue;
        }
        match send(&session, &batch).await {
            Ok(answer) => {
                let again = settle(&session, batch, answer);
                if again.is_empty() {
                    reconnect.succeeded();
                    continue;
                }
                outbox.put_back(again);
                sleep(reconnect.delay()).await;
            }
            Err(error) if spoilt(&error) => take_apart(&session, &mut outbox, batch, &error),
            Err(error) => {
                let delay = reconnect.delay_after(&error);
                tracing::warn!(%error, ?delay, reports = batch.len(), "reporting failed");
                outbox.put_back(batch);
                sleep(delay).await;
            }
        }
    }
}

/// Waits for a report; `None` when none is left and none can come.
async fn next<J>(session: &Session<J>, incoming: &mut mpsc::Receiver<Report>) -> Option<Report> {
    tokio::select! {
        biased;
        report = incoming.recv() => report,
        () = session.all_ended.cancelled() => incoming.try_recv().ok(),
    }
}

async fn send<J: JobApi>(
    session: &Session<J>,
    batch: &[Report],
) -> Result<JobBatchResponse, ClientError> {
    let items = batch.iter().map(|report| report.item.clone()).collect();
    session
        .api
        .complete(&JobBatchCompleteRequest { items })
        .await
}

/// Whether the request as a whole was refused for what is in it.
fn spoilt(error: &ClientError) -> bool {
    matches!(error.status(), Some(400 | 413 | 422))
}

/// A refused batch goes again one by one; a refused single report is treated like a refused item.
fn take_apart<J>(
    session: &Session<J>,
    outbox: &mut Outbox,
    mut batch: Vec<Report>,
    error: &ClientError,
) {
    if batch.len() > 1 {
        outbox.alone = batch.len();
        outbox.put_back(batch);
        return;
    }
    let report = batch.pop().expect("a batch is never empty");
    outbox.put_back(
        without_result(session, report, &error.to_string())
            .into_iter()
            .collect(),
    );
}

/// Takes note of each item's answer; gives back what must be sent again.
fn settle<J>(session: &Session<J>, batch: Vec<Report>, answer: JobBatchResponse) -> Vec<Report> {
    let mut results = answer.items.into_iter();
    let settled = batch.into_iter().filter_map(|report| match results.next() {
        Some(result) => settle_one(session, report, &result),
        // An answer that is too short says nothing about the rest.
        None => Some(report),
    });
    settled.collect()
}

fn settle_one<J>(session: &Session<J>, report: Report, result: &JobBatchResult) -> Option<Report> {
    let job_id = &report.item.job_id;
    match result.status {
        200..=299 => {}
        404 | 409 => {
            tracing::warn!(
                job_id,
                "a report came too late: the job is no longer this worker's"
            );
        }
        408 | 425 | 429 | 500.. => return Some(report),
        status => {
            let why = result.error.as_ref().map(|error| error.message.as_str());
            let why = why.map_or_else(|| format!("status {status}"), str::to_owned);
            return without_result(session, report, &why);
        }
    }
    session.held.remove(&report.job);
    None
}

/// A refused result becomes a failure that says so, because a job without any report would be
/// run again in vain. A refused failure is the end.
fn without_result<J>(session: &Session<J>, mut report: Report, why: &str) -> Option<Report> {
    let job_id = &report.item.job_id;
    tracing::error!(job_id, why, "a report was refused");
    match report.item.report.status {
        JobOutcome::Completed => {
            report.item.report = outcome::refused(&report.item.report, why);
            Some(report)
        }
        JobOutcome::Failed => {
            session.held.remove(&report.job);
            None
        }
    }
}
