//! Runs to start, with everything that a test does not care about filled in.

use std::collections::BTreeMap;

use mobius_store::runs::{Initiator, Source, StartRun};
use mobius_types::{JobOptions, JsonObject, WorkflowId, WorkflowSpec};

use super::{Tenant, one_step};

/// A run to start. The default is an inline [`one_step`] in the queue `default`.
#[derive(Debug, Clone)]
pub struct RunDraft {
    /// The spec of an inline run.
    pub spec: WorkflowSpec,
    /// The saved workflow to run instead of the spec.
    pub workflow: Option<WorkflowId>,
    /// The queue for its jobs.
    pub queue: String,
    /// The inputs.
    pub inputs: JsonObject,
    /// Labels.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The caller's own id.
    pub external_id: Option<String>,
    /// The label of what starts it.
    pub initiated_by: String,
    /// How its jobs are to be claimed.
    pub options: JobOptions,
}

impl Default for RunDraft {
    fn default() -> Self {
        Self {
            spec: one_step(),
            workflow: None,
            queue: "default".to_owned(),
            inputs: JsonObject::new(),
            metadata: None,
            external_id: None,
            initiated_by: "a test".to_owned(),
            options: JobOptions::default(),
        }
    }
}

impl RunDraft {
    /// An inline run of the spec.
    pub fn of(spec: WorkflowSpec) -> Self {
        Self {
            spec,
            ..Self::default()
        }
    }

    /// A run in the queue.
    pub fn in_queue(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            ..Self::default()
        }
    }

    /// A run of the saved workflow's newest version.
    pub fn of_workflow(id: WorkflowId) -> Self {
        Self {
            workflow: Some(id),
            ..Self::default()
        }
    }

    /// What the store is asked to start. Saves an inline spec.
    pub async fn prepare(self, tenant: &Tenant) -> StartRun {
        let source = match self.workflow {
            Some(id) => Source::Workflow(id),
            None => Source::Inline(tenant.prepare(self.spec).await),
        };
        StartRun {
            source,
            queue: self.queue,
            inputs: self.inputs,
            metadata: self.metadata,
            external_id: self.external_id,
            initiator: Initiator {
                actor_type: "user".into(),
                actor_id: tenant.user.to_string(),
                label: self.initiated_by,
            },
            options: self.options,
        }
    }
}
