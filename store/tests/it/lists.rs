//! Lists: pages that fit together, although rows come in between.

use mobius_store::{
    Error,
    runs::{self, RunFilter},
    workflows,
};
use mobius_test_support::factories::{RunDraft, Tenant, World, one_step, two_steps};
use mobius_types::{Page, RunId, WorkflowId, WorkflowRun, WorkflowRunStatus};
use serde_json::json;

async fn list(
    tenant: &Tenant,
    filter: &RunFilter,
    after: Option<&str>,
    limit: i64,
) -> Page<WorkflowRun> {
    let mut connection = tenant.connection().await;
    runs::list(&mut connection, tenant.project, filter, after, limit)
        .await
        .unwrap()
}

fn ids(page: &Page<WorkflowRun>) -> Vec<RunId> {
    page.items.iter().map(|run| run.id).collect()
}

#[tokio::test]
async fn pages_fit_together_although_runs_are_started_in_between() {
    let world = World::create().await;
    let tenant = world.tenant();
    let mut started: Vec<_> = Vec::new();
    for run in tenant.start_many(&RunDraft::default(), 7).await {
        started.push(run.id);
    }
    started.sort();
    started.reverse();

    let all = RunFilter::default();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = list(tenant, &all, after.as_deref(), 3).await;
        seen.extend(ids(&page));
        tenant.start(RunDraft::default()).await;
        after = page.next_cursor;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, started);
}

#[tokio::test]
async fn a_page_has_a_cursor_only_when_something_follows() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 4).await;
    let all = RunFilter::default();
    for (limit, length, more) in [(3, 3, true), (4, 4, false), (5, 4, false)] {
        let page = list(tenant, &all, None, limit).await;
        assert_eq!(
            (page.items.len(), page.next_cursor.is_some()),
            (length, more)
        );
    }
    let first = list(tenant, &all, None, 2).await;
    let second = list(tenant, &all, first.next_cursor.as_deref(), 2).await;
    assert_eq!((second.items.len(), second.next_cursor), (2, None));
}

/// Runs that differ in what filters look at, oldest first.
struct Shelf {
    workflow: WorkflowId,
    plain: RunId,
    saved: RunId,
    labelled: RunId,
    done: RunId,
}

async fn fill(tenant: &Tenant) -> Shelf {
    let workflow = tenant.save_workflow("saved", two_steps()).await.id;
    let plain = tenant.start(RunDraft::default()).await.id;
    let saved = tenant.start(RunDraft::of_workflow(workflow)).await.id;
    let draft = RunDraft {
        external_id: Some("order-1".to_owned()),
        initiated_by: "cron".to_owned(),
        ..RunDraft::in_queue("fast")
    };
    let done = tenant.start(draft.clone()).await.id;
    let held = tenant.claim("w", 9).await;
    let last = held.iter().find(|held| held.job.run == done).unwrap();
    tenant.settle(last.completed(&json!(1))).await.unwrap();
    let labelled = tenant.start(draft).await.id;
    Shelf {
        workflow,
        plain,
        saved,
        labelled,
        done,
    }
}

#[tokio::test]
async fn a_filter_shows_what_it_names_and_nothing_that_only_looks_like_it() {
    let world = World::create().await;
    let tenant = world.tenant();
    let shelf = fill(tenant).await;
    let all = RunFilter::default();
    let mut by_name = all.clone();
    by_name.workflow_name = Some("saved".to_owned());
    let mut by_definition = all.clone();
    by_definition.definition = Some(shelf.workflow);
    let mut by_external_id = all.clone();
    by_external_id.external_id = Some("order-1".to_owned());
    let mut by_pattern = all.clone();
    by_pattern.initiated_by = Some("cr%".to_owned());
    let mut by_parent = all.clone();
    by_parent.parent = Some(shelf.plain);

    for (filter, expected) in [
        (
            all,
            &[shelf.labelled, shelf.done, shelf.saved, shelf.plain][..],
        ),
        (by_name, &[shelf.saved]),
        (by_definition, &[shelf.saved]),
        (by_external_id, &[shelf.labelled, shelf.done]),
        (by_pattern, &[]),
        (by_parent, &[]),
    ] {
        let page = list(tenant, &filter, None, 10).await;
        assert_eq!(ids(&page), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn filters_combine() {
    let world = World::create().await;
    let tenant = world.tenant();
    let shelf = fill(tenant).await;
    let filter = |status, queue: &str, label: &str| RunFilter {
        status: Some(status),
        queue: Some(queue.to_owned()),
        initiated_by: Some(label.to_owned()),
        ..RunFilter::default()
    };
    let (completed, queued) = (WorkflowRunStatus::Completed, WorkflowRunStatus::Queued);
    for (filter, expected) in [
        (filter(completed, "fast", "cron"), &[shelf.done][..]),
        (filter(queued, "fast", "cron"), &[shelf.labelled]),
        (filter(completed, "default", "cron"), &[]),
        (filter(completed, "fast", "a test"), &[]),
    ] {
        let page = list(tenant, &filter, None, 10).await;
        assert_eq!(ids(&page), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn a_list_shows_its_own_project_alone() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    tenant.start_many(&RunDraft::default(), 3).await;
    let foreign = list(tenant, &RunFilter::default(), None, 1)
        .await
        .next_cursor;
    let page = list(&other, &RunFilter::default(), None, 10).await;
    assert!(page.items.is_empty());
    // Another project's cursor names a place, not rows.
    let page = list(&other, &RunFilter::default(), foreign.as_deref(), 10).await;
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start_many(&RunDraft::default(), 2).await;
    tenant.save_workflow("one", one_step()).await;
    tenant.save_workflow("two", one_step()).await;
    let mut connection = tenant.connection().await;
    let project = tenant.project;
    let workflows_page = workflows::list(&mut connection, project, None, 1)
        .await
        .unwrap();
    let runs_page = list(tenant, &RunFilter::default(), None, 1).await;
    let (of_workflows, of_runs) = (workflows_page.next_cursor, runs_page.next_cursor);

    let all = RunFilter::default();
    for cursor in [of_workflows.as_deref(), Some(""), Some("not a cursor")] {
        let page = runs::list(&mut connection, project, &all, cursor, 1).await;
        assert!(matches!(page, Err(Error::InvalidCursor)), "{cursor:?}");
    }
    let page = workflows::list(&mut connection, project, of_runs.as_deref(), 1).await;
    assert!(matches!(page, Err(Error::InvalidCursor)));
    let page = workflows::list(&mut connection, project, of_workflows.as_deref(), 1).await;
    assert_eq!(page.unwrap().items[0].name, "one");
}
