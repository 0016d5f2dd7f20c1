//! Pages of events: they follow on each other without a gap, and none is large.

use mobius_store::{
    Error,
    events::{self, EventPage, Position},
};
use mobius_test_support::factories::{RunDraft, Tenant, World};
use mobius_types::{ProjectId, RunId, WorkflowRunStatus};
use serde_json::json;

async fn page(tenant: &Tenant, run: Option<RunId>, since: i64) -> EventPage {
    let mut connection = tenant.connection().await;
    let page = match run {
        Some(run) => events::page_of_run(&mut connection, tenant.project, run, since).await,
        None => events::page_of_project(&mut connection, tenant.project, since).await,
    };
    page.unwrap()
}

/// Walks from page to page to the end; returns the numbers that were seen, and how many pages.
async fn walk(tenant: &Tenant, run: Option<RunId>, mut since: i64) -> (Vec<i64>, usize) {
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = page(tenant, run, since).await;
        assert!(
            page.events
                .iter()
                .all(|event| run.is_none_or(|run| event.run == run))
        );
        seen.extend(page.events.iter().map(|event| event.seq));
        assert!(seen.iter().all(|seq| *seq <= page.upto));
        since = page.upto;
        pages += 1;
        if !page.has_more {
            return (seen, pages);
        }
    }
}

async fn position(tenant: &Tenant, run: Option<RunId>) -> Result<Position, Error> {
    let mut connection = tenant.connection().await;
    events::position(&mut connection, tenant.project, run).await
}

#[tokio::test]
async fn pages_of_a_project_and_of_a_run_fit_together() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant
        .another_project("other")
        .await
        .start(RunDraft::default())
        .await;
    let runs = tenant.start_many(&RunDraft::default(), 400).await;
    let held = tenant.claim_one("w").await;
    for round in 0..300 {
        let emission = held.events(round * 2, 2);
        tenant.store.emit(tenant.project, emission).await.unwrap();
    }
    let head = 400 * 2 + 2 + 600;
    for since in [0, 1, 399, head - 1, head] {
        let (seen, _) = walk(tenant, None, since).await;
        assert_eq!(seen, (since + 1..=head).collect::<Vec<_>>());
    }
    assert!(walk(tenant, None, 0).await.1 > 2);
    let (of_run, pages) = walk(tenant, Some(held.job.run), 0).await;
    assert_eq!(of_run.len(), 2 + 2 + 600);
    assert!(of_run.is_sorted() && pages > 1);
    let other = runs.iter().find(|run| run.id != held.job.run).unwrap();
    let (of_other, pages) = walk(tenant, Some(other.id), 0).await;
    assert_eq!((of_other.len(), pages), (2, 1));
    // A page of a run leads past the events of other runs, and not past the head.
    let page = page(tenant, Some(other.id), of_other[1]).await;
    assert_eq!(
        (page.events.len(), page.upto, page.after),
        (0, head, of_other[1])
    );
}

#[tokio::test]
async fn a_page_of_large_events_ends_early() {
    let world = World::create().await;
    let tenant = world.tenant();
    tenant.start(RunDraft::default()).await;
    let held = tenant.claim_one("w").await;
    let mut emission = held.events(0, 100);
    for event in &mut emission.events {
        event
            .payload
            .insert("text".to_owned(), json!("x".repeat(16_000)));
    }
    for _ in 0..3 {
        tenant
            .store
            .emit(tenant.project, emission.clone())
            .await
            .unwrap();
    }
    for run in [None, Some(held.job.run)] {
        let page = page(tenant, run, 4).await;
        let bytes: usize = page.events.iter().map(|event| event.data.get().len()).sum();
        assert!((100_000..500_000).contains(&bytes), "{bytes}");
        assert!(page.has_more);
        assert_eq!(walk(tenant, run, 4).await.0, (5..=304).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_page_says_where_it_begins_when_events_are_gone() {
    let world = World::create().await;
    let tenant = world.tenant();
    let runs = tenant.start_many(&RunDraft::default(), 10).await;
    tenant.forget_events(8).await;
    for run in [None, Some(runs[9].id), Some(runs[0].id)] {
        for (since, after) in [(0, 8), (7, 8), (8, 8), (11, 11)] {
            assert_eq!(
                page(tenant, run, since).await.after,
                after,
                "{run:?} {since}"
            );
        }
    }
    let position = position(tenant, None).await.unwrap();
    assert_eq!((position.oldest, position.head), (9, 20));
    tenant.forget_events(20).await;
    let position = self::position(tenant, None).await.unwrap();
    assert_eq!((position.oldest, position.head), (21, 20));
    assert_eq!(page(tenant, Some(runs[0].id), 8).await.after, 20);
}

#[tokio::test]
async fn a_position_tells_of_the_run_what_the_events_up_to_it_do() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await.id;
    let queued = position(tenant, Some(run)).await.unwrap();
    assert_eq!((queued.oldest, queued.head), (1, 2));
    assert_eq!(queued.run.unwrap().status, WorkflowRunStatus::Queued);
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
    let failed = position(tenant, Some(run)).await.unwrap();
    assert_eq!(failed.head, 7);
    let standing = failed.run.unwrap();
    assert_eq!(
        (standing.status, standing.attempt),
        (WorkflowRunStatus::Failed, 1)
    );
    assert!(standing.error_message.is_some());
    assert!(position(tenant, None).await.unwrap().run.is_none());
}

#[tokio::test]
async fn a_position_of_what_is_not_there_is_not_found() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await.id;
    let other = tenant.another_project("other").await;
    let nowhere = Tenant {
        project: ProjectId::generate(),
        ..tenant.clone()
    };
    for (tenant, run, missing) in [
        (tenant, Some(RunId::generate()), "run"),
        (&other, Some(run), "run"),
        (&nowhere, Some(run), "project"),
        (&nowhere, None, "project"),
    ] {
        let found = position(tenant, run).await;
        assert!(matches!(found, Err(Error::NotFound(what)) if what == missing));
    }
}

#[tokio::test]
async fn heads_are_those_of_the_projects_that_were_asked_for() {
    let world = World::create().await;
    let tenant = world.tenant();
    let other = tenant.another_project("other").await;
    tenant.another_project("third").await;
    tenant.start(RunDraft::default()).await;
    let projects = [tenant.project, other.project, ProjectId::generate()];
    let mut heads = events::heads(&mut *tenant.connection().await, &projects)
        .await
        .unwrap();
    heads.sort_unstable();
    let mut expected = [(tenant.project, 2), (other.project, 0)];
    expected.sort_unstable();
    assert_eq!(heads, expected);
}
