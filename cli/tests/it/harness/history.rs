//! What must hold of every database that a server has worked on: nothing lost, nothing twice.

use mobius_test_support::{TestCluster, TestDatabase};

use super::until;

/// Runs and jobs that have not ended well.
const UNFINISHED: &str = "select (select count(*) from runs where status <> 'completed')
                               + (select count(*) from jobs where status <> 'completed')";

/// Runs whose history does not tell of exactly one end.
const NOT_ENDED_ONCE: &str = "
    select count(*)
    from runs left join (
        select run_id, count(*) as ends
        from run_events cross join jsonb_array_elements(frames::jsonb) as frame
        where frame ->> 'type' = 'run_updated'
          and frame -> 'data' ->> 'status' in ('completed', 'failed')
        group by run_id) as told on told.run_id = runs.id
    where told.ends is distinct from 1";

/// Places where the sequence of a project's events has a gap or an overlap.
const BREAKS: &str = "
    select (
        select count(*)
        from (select first_seq, lag(last_seq, 1, 0::bigint)
                     over (partition by project_id order by last_seq) as previous
              from run_events) as history
        where first_seq <> previous + 1
    ) + (
        select count(*)
        from project_counters as counter
        where event_seq <> (select coalesce(max(last_seq), 0) from run_events
                            where project_id = counter.project_id))";

/// A database that a test may ask.
pub(crate) trait History {
    /// The one number that a statement gives.
    async fn number(&self, sql: &'static str) -> i64;

    /// Waits until every run and job is completed, then checks how that came about.
    async fn settles(&self) {
        until("all runs are completed", async || {
            (self.number(UNFINISHED).await == 0).then_some(())
        })
        .await;
        assert_eq!(self.number(NOT_ENDED_ONCE).await, 0, "runs without one end");
        assert_eq!(self.number(BREAKS).await, 0, "breaks in the sequence");
    }
}

impl History for TestDatabase {
    async fn number(&self, sql: &'static str) -> i64 {
        self.query_i64(sql).await
    }
}

impl History for TestCluster {
    async fn number(&self, sql: &'static str) -> i64 {
        self.query_i64(sql).await
    }
}
