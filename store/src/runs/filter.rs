//! Finds runs by what a filter says of them.

use mobius_types::{ProjectId, RunId, WorkflowId, WorkflowRunStatus};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// Which runs a list shows; an absent field shows all.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Where they stand.
    pub status: Option<WorkflowRunStatus>,
    /// The workflow's name when they started.
    pub workflow_name: Option<String>,
    /// The queue of their jobs.
    pub queue: Option<String>,
    /// The run that started them as children.
    pub parent: Option<RunId>,
    /// The label of what started them.
    pub initiated_by: Option<String>,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// The workflow they were started from.
    pub definition: Option<WorkflowId>,
}

/// A piece of what a filter finds, newest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    /// The id before which it begins.
    pub(super) after: Option<Uuid>,
    pub(super) limit: i64,
    /// Whether runs that are ending because they were cancelled are left out.
    pub(super) skips_cancelling: bool,
}

impl RunFilter {
    /// Whether it asks for more than where runs stand.
    const fn has_labels(&self) -> bool {
        let Self {
            status: _,
            workflow_name,
            queue,
            parent,
            initiated_by,
            external_id,
            definition,
        } = self;
        workflow_name.is_some()
            || queue.is_some()
            || parent.is_some()
            || initiated_by.is_some()
            || external_id.is_some()
            || definition.is_some()
    }

    /// The ids of the runs that it finds.
    pub(super) async fn ids(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        piece: Piece,
    ) -> Result<Vec<Uuid>, Error> {
        if self.has_labels() {
            self.labelled_ids(connection, project, piece).await
        } else {
            let ids = sqlx::query_file_scalar!(
                "src/runs/ids.sql",
                project.as_uuid(),
                piece.after,
                piece.limit,
                self.status as _,
                piece.skips_cancelling,
            );
            Ok(ids.fetch_all(connection).await?)
        }
    }

    async fn labelled_ids(
        &self,
        connection: &mut PgConnection,
        project: ProjectId,
        piece: Piece,
    ) -> Result<Vec<Uuid>, Error> {
        let ids = sqlx::query_file_scalar!(
            "src/runs/labelled_ids.sql",
            project.as_uuid(),
            piece.after,
            piece.limit,
            self.status as _,
            piece.skips_cancelling,
            self.workflow_name,
            self.queue,
            self.parent.map(RunId::as_uuid),
            self.initiated_by,
            self.external_id,
            self.definition.map(WorkflowId::as_uuid),
        );
        Ok(ids.fetch_all(connection).await?)
    }
}

/// The ids of the runs that a list with this filter shows first, at most so many. Those that are
/// ending because they were cancelled are left out: nothing is to be done to them, and whoever
/// cancels in several calls would meet them again and again.
///
/// # Errors
/// The database failed.
pub async fn ids_matching(
    connection: &mut PgConnection,
    project: ProjectId,
    filter: &RunFilter,
    limit: i64,
) -> Result<Vec<RunId>, Error> {
    let piece = Piece {
        after: None,
        limit,
        skips_cancelling: true,
    };
    let ids = filter.ids(connection, project, piece).await?;
    Ok(ids.into_iter().map(Into::into).collect())
}
