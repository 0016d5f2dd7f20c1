//! What must hold of a project's history after anything at all has happened.

use mobius_test_support::factories::Tenant;

use crate::rows;

/// The sequence has no gap, rows do not overlap, each row is as long as it says, and the counter
/// stands at the last one.
pub(crate) async fn assert_dense(tenant: &Tenant) {
    let broken: i64 = rows::value(
        tenant,
        "select count(*)
         from (select first_seq, last_seq, jsonb_array_length(frames::jsonb) as length,
                      coalesce(lag(last_seq) over (order by last_seq), 0) as before
               from run_events where project_id = $1) as events
         where first_seq <> before + 1 or last_seq <> before + length or length = 0",
    )
    .await;
    assert_eq!(broken, 0, "rows with a gap, an overlap or a wrong length");
    let counted: bool = rows::value(
        tenant,
        "select event_seq = (select coalesce(max(last_seq), 0) from run_events
                             where project_id = $1)
         from project_counters where project_id = $1",
    )
    .await;
    assert!(counted, "the counter stands elsewhere than the last event");
}

/// Every run has ended, and its history says so exactly once.
pub(crate) async fn assert_every_run_ended_once(tenant: &Tenant) {
    let others: i64 = rows::value(
        tenant,
        "select count(*) from runs r
         where r.project_id = $1
           and (r.status not in ('completed', 'failed') or 1 <> (
               select count(*)
               from run_events e cross join jsonb_array_elements(e.frames::jsonb) as frame
               where e.project_id = $1 and e.run_id = r.id and frame->>'type' = 'run_updated'
                 and frame->'data'->>'status' in ('completed', 'failed')))",
    )
    .await;
    assert_eq!(others, 0, "runs that ended not at all, or more than once");
}

/// How many frames of the kind the project's history has.
pub(crate) async fn count_frames(tenant: &Tenant, kind: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from run_events e cross join jsonb_array_elements(e.frames::jsonb) as frame
         where e.project_id = $1 and frame->>'type' = $2",
    )
    .bind(tenant.project.as_uuid())
    .bind(kind)
    .fetch_one(&mut *tenant.connection().await)
    .await
    .unwrap()
}
