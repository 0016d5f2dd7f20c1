//! Projects: created, hidden, purged with all that is theirs and nothing else.

use std::{collections::BTreeMap, time::Duration};

use mobius_store::{
    Error, keys, pauses,
    projects::{self, NewProject, Purged},
    workers,
};
use mobius_test_support::factories::{RunDraft, Tenant, World, spec};
use mobius_types::{PauseKind, Project, UpdateProjectRequest};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::{limits, rows, scenes::workflow};

/// Longer than requests that were on their way may take.
const GRACE: Duration = Duration::from_secs(61);

async fn create(tenant: &Tenant, handle: &str) -> Result<Project, Error> {
    let new = NewProject {
        name: handle.to_uppercase(),
        handle: handle.to_owned(),
        description: None,
    };
    let mut connection = tenant.connection().await;
    projects::create(&mut connection, tenant.org, tenant.user, new).await
}

async fn delete(tenant: &Tenant) -> bool {
    let mut connection = tenant.connection().await;
    projects::delete(&mut connection, tenant.org, tenant.project)
        .await
        .unwrap()
}

/// Purges until nothing is due; returns how many projects went.
async fn purge_all(tenant: &Tenant) -> usize {
    let mut gone = 0;
    loop {
        let db = tenant.store.db();
        match db.write(|tx| Box::pin(projects::purge(tx))).await.unwrap() {
            Purged::Nothing => return gone,
            Purged::Rows(rows) => assert!(rows > 0),
            Purged::Project => gone += 1,
        }
    }
}

/// How many rows of the project each table has that names projects at all.
async fn rows_by_table(tenant: &Tenant) -> BTreeMap<String, i64> {
    let mut connection = tenant.connection().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.table_name::text
         from information_schema.columns c join pg_class on oid = c.table_name::regclass
         where c.table_schema = 'public' and c.column_name = 'project_id' and not relispartition",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut counts = BTreeMap::new();
    for table in tables {
        let count = format!("select count(*) from {table} where project_id = $1");
        let count = sqlx::query_scalar(AssertSqlSafe(count)).bind(tenant.project.as_uuid());
        counts.insert(table, count.fetch_one(&mut *connection).await.unwrap());
    }
    counts
}

/// What limits and pauses store: a job of a key waits in a paused queue.
async fn fill_limits(tenant: &Tenant) {
    let mut connection = tenant.connection().await;
    let paused = (PauseKind::Queue, "paused");
    let paused = pauses::pause(&mut connection, tenant.project, paused, None, "ann");
    paused.await.unwrap();
    let limited = RunDraft {
        queue: "paused".to_owned(),
        ..limits::keyed("k", 1)
    };
    tenant.start(limited).await;
}

/// Gives the project rows in every table.
async fn fill(tenant: &Tenant) {
    tenant
        .save_workflow(
            "saved",
            spec(json!({
                "name": "w",
                "steps": [{"name": "only", "action": "echo", "retry": [{"base_delay": "0s"}]}],
            })),
        )
        .await;
    let draft = RunDraft::of(spec(json!({
        "name": "w",
        "steps": [{"name": "only", "action": "echo", "retry": [{"base_delay": "0s"}]}],
    })));
    tenant.start_many(&draft, 5).await;
    for held in tenant.claim("w", 4).await {
        tenant.settle(held.failed("broken")).await.unwrap();
    }
    let asking = workflow(json!([{"name": "ask", "interaction": {
        "type": "review", "message": "Well?", "timeout": "1h",
        "target": {"type": "user", "id": "user_1"}}}]));
    let asking = tenant.start(asking).await;
    tenant.signal(asking.id, "go", json!(1)).await.unwrap();
    let fan_outs = "insert into fan_outs
             (project_id, job_id, run_id, branch, visit, step_name, action, queue, server, items,
              max_failures, stores_results, max_attempts, created_at)
         select project_id, id, run_id, branch, visit, step_name, action, queue, false, 1, 0,
                false, 1, created_at
         from jobs where project_id = $1 limit 1";
    assert_eq!(rows::change(tenant, fan_outs).await, 1);
    let child_tasks = "insert into child_tasks (project_id, child_id, job_id, cancels, due_at)
         select project_id, run_id, id, false, 'infinity'
         from jobs where project_id = $1 limit 1";
    assert_eq!(rows::change(tenant, child_tasks).await, 1);
    let mut connection = tenant.connection().await;
    let seen = workers::Sighting {
        project: tenant.project,
        worker: "w".to_owned(),
        name: None,
        version: None,
        age: Duration::ZERO,
    };
    workers::record(&mut connection, &[seen]).await.unwrap();
    let pinned = keys::NewKey {
        org: tenant.org,
        project: Some(tenant.project),
        user: tenant.user,
        name: "pinned".to_owned(),
        permissions: Vec::new(),
        expires_at: None,
    };
    keys::create(&mut connection, pinned).await.unwrap();
    fill_limits(tenant).await;
    let counts = rows_by_table(tenant).await;
    assert!(counts.len() >= 10, "{counts:?}");
    assert!(counts.values().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn a_handle_is_taken_until_its_project_is_deleted() {
    let world = World::create().await;
    let tenant = world.tenant();
    let first = create(tenant, "shop").await.unwrap();
    let second = create(tenant, "shop").await.unwrap_err();
    assert!(
        matches!(
            second,
            Error::Conflict {
                code: "handle_taken",
                ..
            }
        ),
        "{second:?}"
    );

    let mut connection = tenant.connection().await;
    let found = projects::resolve(&mut connection, tenant.org, "shop")
        .await
        .unwrap();
    assert_eq!(found, Some(first.id));
    let deleted = projects::delete(&mut connection, tenant.org, first.id)
        .await
        .unwrap();
    assert!(deleted);
    let found = projects::resolve(&mut connection, tenant.org, "shop")
        .await
        .unwrap();
    assert_eq!(found, None);

    let next = create(tenant, "shop").await.unwrap();
    let found = projects::resolve(&mut connection, tenant.org, "shop")
        .await
        .unwrap();
    assert_eq!(found, Some(next.id));
    let by_id = next.id.to_string();
    let found = projects::resolve(&mut connection, tenant.org, &by_id)
        .await
        .unwrap();
    assert_eq!(found, Some(next.id));
}

#[tokio::test]
async fn a_deleted_project_is_hidden_at_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    assert!(delete(&other).await);
    assert!(!delete(&other).await, "a second delete");

    let mut connection = tenant.connection().await;
    let by_id = other.project.to_string();
    let found = projects::resolve(&mut connection, tenant.org, &by_id)
        .await
        .unwrap();
    assert_eq!(found, None);
    let got = projects::get(&mut connection, tenant.org, other.project)
        .await
        .unwrap();
    assert!(got.is_none());
    let change = UpdateProjectRequest::default();
    let changed = projects::update(&mut connection, tenant.org, other.project, change).await;
    assert!(changed.unwrap().is_none());
    let listed = projects::list(&mut connection, tenant.org, None, "")
        .await
        .unwrap();
    let listed: Vec<_> = listed.iter().map(|project| project.id).collect();
    assert_eq!(listed, [tenant.project]);
}

#[tokio::test]
async fn a_purge_takes_all_of_a_deleted_project_and_nothing_else() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    fill(tenant).await;
    fill(&other).await;
    let before = rows_by_table(tenant).await;

    assert_eq!(purge_all(tenant).await, 0, "nothing is deleted");
    assert!(delete(&other).await);
    assert_eq!(purge_all(tenant).await, 0, "requests may be on their way");
    tenant.advance_clock(GRACE).await;
    assert_eq!(purge_all(tenant).await, 1);

    let left = rows_by_table(&other).await;
    assert!(left.values().all(|count| *count == 0), "{left:?}");
    assert_eq!(rows_by_table(tenant).await, before);
    assert_eq!(tenant.claim("w", 9).await.len(), 5);
}

#[tokio::test]
async fn a_purge_works_in_bites() {
    let world = World::create().await;
    let other = world.tenant().another_project("other").await;
    crate::rows::start_copies(&other, RunDraft::default(), 4_500).await;
    assert!(delete(&other).await);
    other.advance_clock(GRACE).await;
    let db = other.store.db();
    for expected in [6_001, 6_000, 1_500] {
        let purged = db.write(|tx| Box::pin(projects::purge(tx))).await.unwrap();
        assert_eq!(purged, Purged::Rows(expected));
    }
    let purged = db.write(|tx| Box::pin(projects::purge(tx))).await.unwrap();
    assert_eq!(purged, Purged::Project);
}

#[tokio::test]
async fn a_change_of_a_project_leaves_what_it_does_not_name() {
    let world = World::create().await;
    let tenant = world.tenant();
    let made = create(tenant, "shop").await.unwrap();
    let change = UpdateProjectRequest {
        description: Some("sells".to_owned()),
        ..UpdateProjectRequest::default()
    };
    let mut connection = tenant.connection().await;
    let changed = projects::update(&mut connection, tenant.org, made.id, change).await;
    let changed = changed.unwrap().unwrap();
    assert_eq!(changed.name, "SHOP");
    assert_eq!(changed.description.as_deref(), Some("sells"));
    assert!(changed.updated_at > made.updated_at);
}
