//! The table of all routes that need a key, with a request that each of them takes. A test
//! compares it with the served document, so no route can be forgotten here.

use mobius_types::Permission;
use reqwest::Method;

use super::{Answer, Caller, Ids};

/// A route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// The path as the document writes it.
    pub(crate) path: &'static str,
    /// What a key needs for it.
    pub(crate) permission: Permission,
    /// A body that is well-formed, where the route takes one.
    body: Option<&'static str>,
}

impl Route {
    const fn get(path: &'static str, permission: Permission) -> Route {
        Route {
            method: Method::GET,
            path,
            permission,
            body: None,
        }
    }

    const fn delete(path: &'static str, permission: Permission) -> Route {
        Route {
            method: Method::DELETE,
            path,
            permission,
            body: None,
        }
    }

    const fn post(path: &'static str, permission: Permission, body: &'static str) -> Route {
        Route {
            method: Method::POST,
            path,
            permission,
            body: Some(body),
        }
    }

    /// One that reads no body.
    const fn act(path: &'static str, permission: Permission) -> Route {
        Route {
            method: Method::POST,
            path,
            permission,
            body: None,
        }
    }

    const fn patch(path: &'static str, permission: Permission, body: &'static str) -> Route {
        Route {
            method: Method::PATCH,
            path,
            permission,
            body: Some(body),
        }
    }

    const fn put(path: &'static str, permission: Permission, body: &'static str) -> Route {
        Route {
            method: Method::PUT,
            path,
            permission,
            body: Some(body),
        }
    }

    /// The path with these ids in it.
    pub(crate) fn at(&self, ids: &Ids) -> String {
        self.path
            .replace("{project}", &ids.project)
            .replace("/projects/{id}", &format!("/projects/{}", ids.project_id))
            .replace("/workflows/{id}", &format!("/workflows/{}", ids.workflow))
            .replace("/runs/{id}", &format!("/runs/{}", ids.run))
            .replace("/jobs/{id}", &format!("/jobs/{}", ids.job))
            .replace("/tools/{handle}", &format!("/tools/{}", ids.tool))
            .replace("{runId}", &ids.run)
            .replace("{name}", "a%20name%2Fwith%20more")
            .replace(
                "/interactions/{id}",
                &format!("/interactions/{}", ids.interaction),
            )
    }

    /// Whether the project stands in front, as the thing that everything else is in.
    pub(crate) fn is_in_project(&self) -> bool {
        self.path.starts_with("/projects/{project}/")
    }

    /// Whether the path names something in the project.
    pub(crate) fn names_something(&self) -> bool {
        self.path.contains("{id}") || self.path.contains("{handle}")
    }

    /// Whether it reads a body.
    pub(crate) fn takes_body(&self) -> bool {
        self.body.is_some()
    }

    /// The form of the path for a key that is pinned to a project, if there is one.
    pub(crate) fn without_project(&self) -> Option<&'static str> {
        let rest = self.path.strip_prefix("/projects/{project}")?;
        rest.starts_with("/jobs/").then_some(rest)
    }

    /// Calls the route at a path, with its well-formed body.
    pub(crate) async fn call(&self, caller: &Caller, path: &str) -> Answer {
        caller.send(self.method.clone(), path, self.body).await
    }
}

const SPEC: &str = r#"{"name":"w","spec":{"name":"w","steps":[{"name":"a","action":"echo"}]}}"#;
const RUN: &str = r#"{"spec":{"name":"w","steps":[{"name":"a","action":"echo"}]}}"#;
const CLAIM: &str = r#"{"worker_id":"w","queues":["nobody puts jobs here"]}"#;
const CLAIMS: &str = r#"{"worker_id":"w","queues":["nobody puts jobs here"],"max_jobs":2}"#;
const FENCE: &str = r#"{"worker_id":"w","attempt":1}"#;
const FENCES: &str = r#"{"items":[{"job_id":"x","worker_id":"w","attempt":1}]}"#;
const EVENTS: &str = r#"{"worker_id":"w","attempt":1,"events":[{"type":"t","payload":{}}]}"#;
const REPORT: &str = r#"{"worker_id":"w","attempt":1,"status":"completed"}"#;
const REPORTS: &str =
    r#"{"items":[{"job_id":"x","worker_id":"w","attempt":1,"status":"completed"}]}"#;
const SIGNAL: &str = r#"{"name":"go"}"#;
const NO_RUNS: &str = r#"{"run_ids":[]}"#;
const CALL: &str = r#"{"timeout_seconds":1}"#;
const ANSWER: &str = r#"{"value":true}"#;

/// All routes that need a key.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/projects", Permission::ProjectRead),
    Route::post("/projects", Permission::ProjectCreate, r#"{"name":"n"}"#),
    Route::get("/projects/{id}", Permission::ProjectRead),
    Route::patch("/projects/{id}", Permission::ProjectUpdate, "{}"),
    Route::get("/projects/{project}/workflows", Permission::WorkflowRead),
    Route::post(
        "/projects/{project}/workflows",
        Permission::WorkflowCreate,
        SPEC,
    ),
    Route::get(
        "/projects/{project}/workflows/{id}",
        Permission::WorkflowRead,
    ),
    Route::patch(
        "/projects/{project}/workflows/{id}",
        Permission::WorkflowUpdate,
        "{}",
    ),
    Route::get(
        "/projects/{project}/workflows/{id}/versions",
        Permission::WorkflowRead,
    ),
    Route::get(
        "/projects/{project}/workflows/{id}/runs",
        Permission::RunRead,
    ),
    Route::post(
        "/projects/{project}/workflows/{id}/runs",
        Permission::RunStart,
        "{}",
    ),
    Route::get("/projects/{project}/runs", Permission::RunRead),
    Route::post("/projects/{project}/runs", Permission::RunStart, RUN),
    Route::get("/projects/{project}/runs/events", Permission::RunRead),
    Route::get("/projects/{project}/runs/{id}", Permission::RunRead),
    Route::get("/projects/{project}/runs/{id}/jobs", Permission::RunRead),
    Route::get(
        "/projects/{project}/runs/{id}/action-log",
        Permission::RunRead,
    ),
    Route::get("/projects/{project}/runs/{id}/events", Permission::RunRead),
    Route::get("/projects/{project}/queues", Permission::JobRead),
    Route::put(
        "/projects/{project}/queues/{name}/pause",
        Permission::JobPause,
        "{}",
    ),
    Route::delete(
        "/projects/{project}/queues/{name}/pause",
        Permission::JobPause,
    ),
    Route::put(
        "/projects/{project}/actions/{name}/pause",
        Permission::JobPause,
        "{}",
    ),
    Route::delete(
        "/projects/{project}/actions/{name}/pause",
        Permission::JobPause,
    ),
    Route::post(
        "/projects/{project}/jobs/claim",
        Permission::JobClaim,
        CLAIM,
    ),
    Route::post(
        "/projects/{project}/jobs/claims",
        Permission::JobClaim,
        CLAIMS,
    ),
    Route::post(
        "/projects/{project}/jobs/{id}/heartbeat",
        Permission::JobClaim,
        FENCE,
    ),
    Route::get("/projects/{project}/jobs/{id}/explain", Permission::JobRead),
    Route::post(
        "/projects/{project}/jobs/heartbeats",
        Permission::JobClaim,
        FENCES,
    ),
    Route::post(
        "/projects/{project}/jobs/{id}/events",
        Permission::JobEmitEvent,
        EVENTS,
    ),
    Route::post(
        "/projects/{project}/jobs/{id}/complete",
        Permission::JobComplete,
        REPORT,
    ),
    Route::post(
        "/projects/{project}/jobs/completions",
        Permission::JobComplete,
        REPORTS,
    ),
    Route::get("/projects/{project}/workers", Permission::WorkerRead),
    Route::post(
        "/projects/{project}/runs/{id}/signals",
        Permission::RunSignal,
        SIGNAL,
    ),
    Route::act(
        "/projects/{project}/runs/{id}/resumptions",
        Permission::RunResume,
    ),
    Route::act(
        "/projects/{project}/runs/{id}/cancellations",
        Permission::RunCancel,
    ),
    Route::post(
        "/projects/{project}/runs/{id}/retries",
        Permission::RunRetry,
        "{}",
    ),
    Route::post(
        "/projects/{project}/runs/cancellations",
        Permission::RunCancel,
        NO_RUNS,
    ),
    Route::post(
        "/projects/{project}/runs/retries",
        Permission::RunRetry,
        NO_RUNS,
    ),
    Route::get("/projects/{project}/tools", Permission::ToolRead),
    Route::post(
        "/projects/{project}/tools/{handle}/runs",
        Permission::ToolRun,
        CALL,
    ),
    Route::get(
        "/projects/{project}/tools/{handle}/runs/{runId}",
        Permission::ToolRead,
    ),
    Route::get(
        "/projects/{project}/interactions",
        Permission::InteractionRead,
    ),
    Route::get(
        "/projects/{project}/interactions/{id}",
        Permission::InteractionRead,
    ),
    Route::post(
        "/projects/{project}/interactions/{id}/respond",
        Permission::InteractionRespond,
        ANSWER,
    ),
    // Last, because the calls before them need what they delete.
    Route::delete(
        "/projects/{project}/workflows/{id}",
        Permission::WorkflowDelete,
    ),
    Route::delete("/projects/{id}", Permission::ProjectDelete),
];
