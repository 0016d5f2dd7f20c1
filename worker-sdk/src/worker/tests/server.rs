//! A control plane that does as it is told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use mobius_types::{
    JobBatchClaim, JobBatchClaimRequest, JobBatchCompleteItem, JobBatchCompleteRequest,
    JobBatchHeartbeatRequest, JobBatchResponse, JobBatchResult, JobClaim, JobEventsRequest,
    JobHeartbeatDirectives, JobId, RunId,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::super::api::JobApi;
use crate::{ClientError, types::JsonObject};

/// What a call gets.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This status for every item.
    Items(i32),
    /// Every item is accepted, and told to cancel.
    Cancel,
    /// An error for the call as a whole.
    Error(u16, Option<u64>),
    /// No connection.
    Unreachable,
    /// Nothing, until the caller's deadline.
    Lost,
    /// Nothing, for ever.
    Never,
}

#[derive(Default)]
struct Script {
    offers: VecDeque<JobClaim>,
    /// Answers to the next claims, before any job is handed out.
    claims: VecDeque<Answer>,
    /// Answers to the next heartbeats; the last one stays.
    heartbeats: VecDeque<Answer>,
    /// Answers to the next reports; once they are used up every report is accepted.
    reports: VecDeque<Answer>,
    refuses_emissions: bool,
}

/// What was asked, in order, each with its instant.
#[derive(Default, Clone)]
pub(super) struct Log {
    pub(super) claims: Vec<(Instant, JobBatchClaimRequest)>,
    pub(super) heartbeats: Vec<(Instant, JobBatchHeartbeatRequest)>,
    pub(super) completions: Vec<(Instant, JobBatchCompleteRequest)>,
    pub(super) emissions: Vec<(JobId, JobEventsRequest)>,
}

pub(super) struct Server {
    script: Mutex<Script>,
    log: watch::Sender<Log>,
    offers: watch::Sender<()>,
    read: Mutex<usize>,
}

impl Server {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::default(),
            log: watch::Sender::default(),
            offers: watch::Sender::default(),
            read: Mutex::default(),
        })
    }

    /// Hands out a job of this action to the next claim.
    pub(super) fn offer(&self, action: &str, change: impl FnOnce(&mut JobClaim)) -> JobId {
        let mut claim = JobClaim {
            job_id: JobId::generate(),
            run_id: RunId::generate(),
            workflow_name: "test".to_owned(),
            step_name: "step".to_owned(),
            action: action.to_owned(),
            agent_id: None,
            agent_session_id: None,
            parameters: JsonObject::new(),
            attempt: 1,
            queue: "default".to_owned(),
            heartbeat_interval_seconds: Some(30),
            lease_seconds: Some(90),
            idempotency_key: None,
            timeout_ms: None,
        };
        change(&mut claim);
        let id = claim.job_id;
        self.script.lock().unwrap().offers.push_back(claim);
        self.offers.send_replace(());
        id
    }

    pub(super) fn answer_claims(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().claims.extend(answers);
    }

    pub(super) fn answer_heartbeats(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().heartbeats.extend(answers);
    }

    pub(super) fn answer_reports(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().reports.extend(answers);
    }

    /// Answers every emission with an error from now on.
    pub(super) fn refuse_emissions(&self) {
        self.script.lock().unwrap().refuses_emissions = true;
    }

    /// Waits until the log is like this.
    pub(super) async fn until(&self, reached: impl FnMut(&Log) -> bool) -> Log {
        let mut log = self.log.subscribe();
        let reached = timeout(Duration::from_secs(3_600), log.wait_for(reached));
        reached.await.expect("it comes").unwrap().clone()
    }

    pub(super) fn log(&self) -> Log {
        self.log.borrow().clone()
    }

    /// Waits for the next reported item, counting every repetition.
    pub(super) async fn report(&self) -> JobBatchCompleteItem {
        let nth = {
            let mut read = self.read.lock().unwrap();
            *read += 1;
            *read - 1
        };
        let items = |log: &Log| -> Vec<JobBatchCompleteItem> {
            let requests = log.completions.iter();
            requests
                .flat_map(|(_, request)| request.items.clone())
                .collect()
        };
        let log = self.until(|log| items(log).len() > nth).await;
        items(&log).swap_remove(nth)
    }

    fn take_offers(&self, max: i32) -> Vec<JobClaim> {
        let offers = &mut self.script.lock().unwrap().offers;
        let count = offers.len().min(usize::try_from(max).unwrap());
        offers.drain(..count).collect()
    }
}

impl JobApi for Server {
    async fn claim(&self, request: &JobBatchClaimRequest) -> Result<JobBatchClaim, ClientError> {
        let asked = (Instant::now(), request.clone());
        self.log.send_modify(|log| log.claims.push(asked));
        let scripted = self.script.lock().unwrap().claims.pop_front();
        if let Some(answer) = scripted {
            return play(answer, Vec::new())
                .await
                .map(|_| JobBatchClaim { items: Vec::new() });
        }
        let window = Duration::from_secs(request.claim.wait_seconds.unwrap().try_into().unwrap());
        let mut offers = self.offers.subscribe();
        let poll = async {
            loop {
                let items = self.take_offers(request.max_jobs);
                if !items.is_empty() {
                    return items;
                }
                offers.changed().await.unwrap();
            }
        };
        let items = timeout(window, poll).await.unwrap_or_default();
        Ok(JobBatchClaim { items })
    }

    async fn heartbeat(
        &self,
        request: &JobBatchHeartbeatRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        let asked = (Instant::now(), request.clone());
        self.log.send_modify(|log| log.heartbeats.push(asked));
        let answer = {
            let heartbeats = &mut self.script.lock().unwrap().heartbeats;
            let next = heartbeats.front().cloned().unwrap_or(Answer::Items(200));
            if heartbeats.len() > 1 {
                heartbeats.pop_front();
            }
            next
        };
        let ids = request.items.iter().map(|item| item.job_id.clone());
        play(answer, ids.collect()).await
    }

    async fn complete(
        &self,
        request: &JobBatchCompleteRequest,
    ) -> Result<JobBatchResponse, ClientError> {
        let asked = (Instant::now(), request.clone());
        self.log.send_modify(|log| log.completions.push(asked));
        let answer = self.script.lock().unwrap().reports.pop_front();
        let ids = request.items.iter().map(|item| item.job_id.clone());
        play(answer.unwrap_or(Answer::Items(204)), ids.collect()).await
    }

    async fn emit(&self, job: JobId, request: &JobEventsRequest) -> Result<(), ClientError> {
        let emission = (job, request.clone());
        self.log.send_modify(|log| log.emissions.push(emission));
        let answer = match self.script.lock().unwrap().refuses_emissions {
            true => Answer::Error(429, Some(1)),
            false => Answer::Items(204),
        };
        play(answer, Vec::new()).await.map(drop)
    }
}

async fn play(answer: Answer, ids: Vec<String>) -> Result<JobBatchResponse, ClientError> {
    let (status, should_cancel) = match answer {
        Answer::Items(status) => (status, false),
        Answer::Cancel => (200, true),
        Answer::Error(status, retry_after) => {
            return Err(ClientError::Api {
                status,
                code: "scripted".to_owned(),
                message: "scripted".to_owned(),
                retry_after: retry_after.map(Duration::from_secs),
            });
        }
        Answer::Unreachable => return Err(ClientError::Network("scripted".into())),
        Answer::Lost => {
            let deadline = Duration::from_secs(40);
            // sleeps: this is the caller's deadline passing, in virtual time.
            sleep(deadline).await;
            return Err(ClientError::Timeout(deadline));
        }
        Answer::Never => pending().await,
    };
    let items = ids.into_iter().map(|job_id| JobBatchResult {
        job_id,
        status,
        directives: Some(JobHeartbeatDirectives { should_cancel }),
        error: None,
    });
    Ok(JobBatchResponse {
        items: items.collect(),
    })
}
