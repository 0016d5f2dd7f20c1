//! The plans of lists.

use mobius_test_support::factories::{RunDraft, World};

use super::{
    add_waiting,
    explain::{MAX_PAGES, Statement, explain, pages},
    freeze_statistics,
};

const LABELLED_IDS: &str = include_str!("../../../src/runs/labelled_ids.sql");

#[tokio::test]
async fn a_filter_that_few_runs_match_walks_no_others() {
    let world = World::create().await;
    let tenant = world.tenant();
    add_waiting(tenant, 20_000).await;
    freeze_statistics(tenant).await;
    let rare = RunDraft {
        queue: "rare".to_owned(),
        initiated_by: "rare".to_owned(),
        external_id: Some("rare".to_owned()),
        ..RunDraft::default()
    };
    tenant.start(rare).await;
    let project = tenant.project.as_uuid();
    for [queue, label, external] in [
        ["'rare'", "null", "null"],
        ["null", "'rare'", "null"],
        ["null", "null", "'rare'"],
    ] {
        let statement = Statement {
            text: LABELLED_IDS,
            types: "uuid, uuid, bigint, run_status, bool, text, text, uuid, text, text, uuid",
            arguments: format!(
                "'{project}', null, 50, null, false, null, {queue}, null, {label}, {external}, null"
            ),
        };
        // Never a generic plan: it can't know which filters are there, and costs more.
        let plan = explain(tenant, &statement, "auto").await;
        assert!(pages(&plan) < MAX_PAGES, "{plan}");
    }
}
