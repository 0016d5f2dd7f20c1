//! What a batch makes of the interactions of its runs.

use mobius_engine::NewInteraction;
use mobius_types::{
    ActorType, InteractionId, JsonObject, ProjectId, RunId, Timestamp, WorkflowInteractionSpec,
};
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{Error, advance::Answer};

/// Interactions that were opened, answered or closed.
#[derive(Default)]
pub(crate) struct InteractionChanges {
    opened: Vec<(InteractionId, RunId, NewInteraction)>,
    answered: Vec<(Answer, Value)>,
    closed: Vec<(RunId, i32)>,
}

impl InteractionChanges {
    /// The run asks.
    pub(crate) fn open(&mut self, run: RunId, interaction: NewInteraction) {
        let id = InteractionId::generate();
        self.opened.push((id, run, interaction));
    }

    /// Somebody answered.
    pub(crate) fn answer(&mut self, answer: Answer, response: Value) {
        self.answered.push((answer, response));
    }

    /// Nobody needs to answer any more. One that this batch opened was never seen.
    pub(crate) fn close(&mut self, run: RunId, visit: i32) {
        let before = self.opened.len();
        self.opened
            .retain(|(_, of, new)| *of != run || new.job.visit != visit);
        if self.opened.len() == before {
            self.closed.push((run, visit));
        }
    }

    /// Forgets what the batch has opened for the run: all of its interactions are closed.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.opened.retain(|(_, of, _)| *of != run);
    }

    /// Writes what was answered, and what closed without an answer.
    pub(crate) async fn write_ended(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.write_answers(connection, project, now).await?;
        if self.closed.is_empty() {
            return Ok(());
        }
        let (runs, visits): (Vec<Uuid>, Vec<i32>) = self
            .closed
            .iter()
            .map(|(run, visit)| (run.as_uuid(), *visit))
            .unzip();
        sqlx::query!(
            "update interactions i
             set status = 'expired', updated_at = $2
             from unnest($3::uuid[], $4::int[]) as closed (run_id, visit)
             where i.project_id = $1 and i.run_id = closed.run_id and i.visit = closed.visit
               and i.run_id = any($3) and i.status = 'pending'",
            project.as_uuid(),
            now,
            &runs,
            &visits,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_answers(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.answered.is_empty() {
            return Ok(());
        }
        let answers = self.answered.iter();
        let ids: Vec<Uuid> = answers
            .clone()
            .map(|(answer, _)| answer.interaction.as_uuid())
            .collect();
        let types: Vec<&str> = answers
            .clone()
            .map(|(answer, _)| answer.responder.kind.as_str())
            .collect();
        let responders: Vec<&str> = answers
            .clone()
            .map(|(answer, _)| answer.responder.id.as_str())
            .collect();
        let responses: Vec<Json<&Value>> = answers.map(|(_, response)| Json(response)).collect();
        let done = sqlx::query!(
            "update interactions i
             set status = 'completed', responder_type = by.type, responder_id = by.responder,
                 response = by.response, completed_at = $2, updated_at = $2
             from unnest($3::uuid[], $4::text[], $5::text[], $6::jsonb[])
                  as by (id, type, responder, response)
             where i.project_id = $1 and i.id = by.id and i.id = any($3)
               and i.status::text = 'pending'",
            project.as_uuid(),
            now,
            &ids,
            &types as _,
            &responders as _,
            &responses as _,
        )
        .execute(connection)
        .await?;
        if done.rows_affected() == self.answered.len() as u64 {
            Ok(())
        } else {
            // Their runs are locked by this transaction, so this is a mistake of ours.
            Err(Error::Corrupt("an interaction was not open".to_owned()))
        }
    }

    /// Inserts what was opened. After what ended, also by the end of its run, was written.
    pub(crate) async fn write_opened(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.opened.is_empty() {
            return Ok(());
        }
        let mut columns = Columns::default();
        self.opened
            .iter()
            .for_each(|(id, run, new)| columns.push(*id, *run, new));
        sqlx::query!(
            "insert into interactions
                 (project_id, id, run_id, branch, visit, topic, status, type, message, context,
                  spec, target_type, target_id, require_all, expires_at, created_at, updated_at)
             select $1, id, run_id, branch, visit, topic, 'pending', type, message, context,
                    spec, target_type, target_id, require_all, expires_at, $2, $2
             from unnest($3::uuid[], $4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[],
                         $9::text[], $10::jsonb[], $11::jsonb[], $12::text[], $13::text[],
                         $14::bool[], $15::timestamptz[])
                  as new (id, run_id, branch, visit, topic, type, message, context, spec,
                          target_type, target_id, require_all, expires_at)",
            project.as_uuid(),
            now,
            &columns.ids,
            &columns.runs,
            &columns.branches as _,
            &columns.visits,
            &columns.topics as _,
            &columns.types as _,
            &columns.messages as _,
            &columns.contexts as _,
            &columns.specs as _,
            &columns.target_types as _,
            &columns.target_ids as _,
            &columns.require_all,
            &columns.expires,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// The opened rows as columns, the form in which `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    runs: Vec<Uuid>,
    branches: Vec<&'a str>,
    visits: Vec<i32>,
    topics: Vec<&'a str>,
    types: Vec<&'static str>,
    messages: Vec<&'a str>,
    contexts: Vec<Option<Json<&'a JsonObject>>>,
    specs: Vec<Option<Json<&'a WorkflowInteractionSpec>>>,
    target_types: Vec<&'static str>,
    target_ids: Vec<&'a str>,
    require_all: Vec<bool>,
    expires: Vec<Timestamp>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, id: InteractionId, run: RunId, new: &'a NewInteraction) {
        let config = &new.config;
        self.ids.push(id.as_uuid());
        self.runs.push(run.as_uuid());
        self.branches.push(&new.job.branch);
        self.visits.push(new.job.visit);
        self.topics.push(&new.step);
        self.types.push(config.kind.as_str());
        self.messages.push(&config.message);
        self.contexts.push(config.context.as_ref().map(Json));
        self.specs.push(config.spec.as_ref().map(Json));
        self.target_types
            .push(ActorType::from(config.target.kind).as_str());
        self.target_ids.push(&config.target.id);
        self.require_all
            .push(config.target.require_all.unwrap_or(false));
        self.expires.push(new.expires_at);
    }
}
