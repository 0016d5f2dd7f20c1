//! The action log and the list of a run's jobs: pages of what may be very much.

use std::time::Duration;

use mobius_store::{Error, jobs};
use mobius_test_support::factories::{RunDraft, Tenant, World, fork, spec, two_steps};
use mobius_types::{ActionLogEntry, Job, Page, RunId};
use serde_json::json;

async fn log(tenant: &Tenant, run: RunId, after: Option<&str>, limit: i64) -> Page<ActionLogEntry> {
    let mut connection = tenant.connection().await;
    let page = jobs::action_log(&mut connection, tenant.project, run, after, limit).await;
    page.unwrap().expect("the run is there")
}

async fn list(tenant: &Tenant, run: RunId, after: Option<&str>, limit: i64) -> Page<Job> {
    let mut connection = tenant.connection().await;
    let page = jobs::of_run(&mut connection, tenant.project, run, after, limit).await;
    page.unwrap().expect("the run is there")
}

/// A step that is tried six times.
fn stubborn() -> RunDraft {
    RunDraft::of(spec(json!({
        "name": "stubborn",
        "steps": [{
            "name": "only", "action": "echo", "parameters": {"a": 1},
            "retry": [{"error_equals": ["all"], "max_retries": 5}],
        }],
    })))
}

#[tokio::test]
async fn every_ended_attempt_stands_in_the_log() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(stubborn()).await.id;
    let first = tenant.claim_one("w").await;
    assert!(log(tenant, run, None, 10).await.items.is_empty());
    tenant.settle(first.failed("broken")).await.unwrap();
    tenant.advance_clock(Duration::from_secs(600)).await;
    let second = tenant.claim_one("v").await;
    tenant.advance_clock(Duration::from_secs(600)).await;
    tenant.settle(second.expired()).await.unwrap();
    let third = tenant.claim_one("w").await;
    tenant
        .settle(third.completed(&json!([1, 2])))
        .await
        .unwrap();
    let entries = log(tenant, run, None, 10).await.items;
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.attempt,
                entry.worker_id.as_str(),
                entry.error_type.as_deref(),
            )
        })
        .collect();
    let expected = [
        (1, "w", Some("broken")),
        (2, "v", Some("lease_expired")),
        (3, "w", None),
    ];
    assert_eq!(seen, expected);
    for entry in &entries {
        assert_eq!(entry.id, format!("{}-{}", first.job.id, entry.attempt));
        assert_eq!(
            (entry.step_name.as_str(), entry.action.as_str()),
            ("only", "echo")
        );
        assert_eq!(entry.branch_id, "main");
        assert_eq!(entry.parameters.as_ref().unwrap()["a"], 1);
        assert_eq!(entry.result.is_some(), entry.error.is_none());
    }
    assert_eq!(entries[0].error.as_deref(), Some("as the test wants it"));
    assert!((600_000..700_000).contains(&entries[1].duration_ms));
    assert_eq!(entries[2].result.as_ref().unwrap()["value"], json!([1, 2]));
}

#[tokio::test]
async fn a_job_that_fails_for_good_shows_its_last_error_once() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::default()).await.id;
    let held = tenant.claim_one("w").await;
    tenant.settle(held.failed("broken")).await.unwrap();
    let entries = log(tenant, run, None, 10).await.items;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].error_type.as_deref(), Some("broken"));
    assert!(entries[0].result.is_none());
}

#[tokio::test]
async fn a_job_that_was_stopped_while_it_waited_did_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = tenant.start(RunDraft::of(fork())).await.id;
    let begin = tenant.claim_one("w").await;
    tenant.settle(begin.completed(&json!(1))).await.unwrap();
    let left = tenant.claim_one("w").await;
    tenant.settle(left.failed("broken")).await.unwrap();
    assert_eq!(list(tenant, run, None, 10).await.items.len(), 3);
    let steps: Vec<_> = log(tenant, run, None, 10)
        .await
        .items
        .into_iter()
        .map(|entry| entry.step_name)
        .collect();
    assert_eq!(steps, ["begin".to_owned(), left.job.step_name]);
}

/// Attempts that end while somebody walks along the pages stand on the later ones.
#[tokio::test]
async fn pages_of_the_log_fit_together_while_it_grows() {
    let world = World::create().await;
    let tenant = world.tenant();
    for limit in [1, 2, 3, 100] {
        let run = tenant.start(stubborn()).await.id;
        fail_attempts(tenant, 4).await;
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = log(tenant, run, after.as_deref(), limit).await;
            seen.extend(page.items.iter().map(|entry| entry.attempt));
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
            fail_attempts(tenant, 1).await;
        }
        let last = tenant.newest_job(run).await.attempt;
        let expected: Vec<i32> = (1..=last).collect();
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

/// Fails the next attempts of the one job that can be claimed, if there are any more.
async fn fail_attempts(tenant: &Tenant, count: usize) {
    for _ in 0..count {
        for held in tenant.claim("w", 1).await {
            tenant.settle(held.failed("broken")).await.unwrap();
            tenant.advance_clock(Duration::from_secs(600)).await;
        }
    }
}

/// A run with so many jobs, of which each has parameters of this size.
async fn run_with(tenant: &Tenant, jobs: i32, bytes: i32) -> RunId {
    let run = tenant.start(RunDraft::of(two_steps())).await.id;
    sqlx::query(
        "insert into jobs
             (project_id, id, run_id, branch, visit, step_name, action, queue, parameters, status,
              attempt, max_attempts, scheduled_at, claimed_by, claimed_at, created_at, updated_at,
              completed_at)
         select $1, lpad(to_hex(n), 32, '0')::uuid, $2, 'main', n, 'first', 'echo', 'q',
                jsonb_build_object('text', (select string_agg(md5((n * 7919 + part)::text), '')
                                            from generate_series(1, $4 / 32) as part)),
                'completed', 1, 1, '2020-01-01', 'w', '2020-01-01', '2020-01-01', '2020-01-01',
                '2020-01-01'::timestamptz + (n % 7) * interval '1 second'
         from generate_series(1, $3) as n",
    )
    .bind(tenant.project.as_uuid())
    .bind(run.as_uuid())
    .bind(jobs)
    .bind(bytes)
    .execute(&mut *tenant.connection().await)
    .await
    .unwrap();
    run
}

#[tokio::test]
async fn pages_of_many_jobs_show_each_once_and_in_order() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = run_with(tenant, 2_500, 0).await;
    for limit in [1_000, 999, 2_501, 2_500] {
        let (mut jobs, mut entries) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let page = list(tenant, run, after.as_deref(), limit).await;
            jobs.extend(page.items.iter().map(|job| job.id));
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
        }
        // The one that the start made is the newest.
        assert_eq!(jobs.len(), 2_501);
        assert!(jobs.is_sorted());
        loop {
            let page = log(tenant, run, after.as_deref(), limit).await;
            entries.extend(page.items.iter().map(|entry| entry.job_id));
            after = page.next_cursor;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(entries.len(), 2_500);
        let second = |place: usize| entries[place].as_uuid().as_u128() % 7;
        assert!((1..entries.len()).all(|place| second(place - 1) <= second(place)));
        entries.sort_unstable();
        entries.dedup();
        assert_eq!(entries.len(), 2_500);
    }
    let detail = tenant.run(run).await;
    assert_eq!(detail.jobs.len(), 1_000);
    assert!(detail.jobs.iter().map(|job| job.id).is_sorted());
    assert_eq!(detail.jobs[999].status, mobius_types::JobStatus::Pending);
}

#[tokio::test]
async fn a_page_of_large_jobs_ends_early() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = run_with(tenant, 30, 500_000).await;
    let jobs = list(tenant, run, None, 1_000).await;
    assert!((5..20).contains(&jobs.items.len()), "{}", jobs.items.len());
    let rest = list(tenant, run, jobs.next_cursor.as_deref(), 1_000).await;
    assert!(rest.items[0].id > jobs.items.last().unwrap().id);
    let entries = log(tenant, run, None, 1_000).await;
    assert!((5..20).contains(&entries.items.len()));
    assert!(entries.next_cursor.is_some());
    assert!((5..20).contains(&tenant.run(run).await.jobs.len()));
}

#[tokio::test]
async fn a_run_of_another_project_and_a_foreign_cursor_are_refused() {
    let world = World::create().await;
    let tenant = world.tenant();
    let run = run_with(tenant, 10, 0).await;
    let other = tenant.another_project("other").await.project;
    let mut connection = tenant.connection().await;
    let project = tenant.project;
    for (project, run) in [(other, run), (project, RunId::generate())] {
        let found = jobs::of_run(&mut connection, project, run, None, 1).await;
        assert!(found.unwrap().is_none());
        let found = jobs::action_log(&mut connection, project, run, None, 1).await;
        assert!(found.unwrap().is_none());
    }
    let of_jobs = list(tenant, run, None, 1).await.next_cursor;
    let of_log = log(tenant, run, None, 1).await.next_cursor;
    for cursor in [of_log.as_deref(), Some(""), Some("x")] {
        let page = jobs::of_run(&mut connection, project, run, cursor, 1).await;
        assert!(matches!(page, Err(Error::InvalidCursor)));
    }
    for cursor in [of_jobs.as_deref(), Some(""), Some("x")] {
        let page = jobs::action_log(&mut connection, project, run, cursor, 1).await;
        assert!(matches!(page, Err(Error::InvalidCursor)));
    }
}
