//! Deleted projects: purged in the background, a bite a tick.

use std::time::Duration;

use mobius_scheduler::tick_all;
use mobius_store::projects;
use mobius_test_support::factories::{RunDraft, World};

#[tokio::test]
async fn a_deleted_project_is_purged_after_its_grace() {
    let world = World::create().await;
    let tenant = world.tenant();
    let doomed = tenant.another_project("doomed").await;
    doomed.start_many(&RunDraft::default(), 10).await;
    let mut connection = tenant.connection().await;
    projects::delete(&mut connection, tenant.org, doomed.project)
        .await
        .unwrap();
    assert_eq!(tick_all(&tenant.store).await.unwrap().done, 0);

    tenant.advance_clock(Duration::from_secs(61)).await;
    let rows = tick_all(&tenant.store).await.unwrap();
    assert!(rows.done >= 30 && rows.has_more, "{rows:?}");
    let project = tick_all(&tenant.store).await.unwrap();
    assert!(project.done == 1 && project.has_more, "{project:?}");
    let nothing = tick_all(&tenant.store).await.unwrap();
    assert!(nothing.done == 0 && !nothing.has_more, "{nothing:?}");
}
