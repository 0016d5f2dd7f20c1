//! Queries that make no sense.

use crate::harness::{Ids, TestServer};

const RUNS: &str = "/projects/default/runs";
const EVENTS: &str = "/projects/default/runs/events";
const WORKFLOWS: &str = "/projects/default/workflows";

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    let of_workflow = format!("{WORKFLOWS}/{}/runs", ids.workflow);
    let versions = format!("{WORKFLOWS}/{}/versions", ids.workflow);
    for (path, query, says) in [
        (RUNS, "limit=0", "limit"),
        (RUNS, "limit=201", "limit"),
        (RUNS, "limit=-1", "limit"),
        (RUNS, "limit=ten", "\"limit: must be a whole number\""),
        (RUNS, "limit=", "\"limit: must be a whole number\""),
        (RUNS, "limit=99999999999999999999", "limit: is too large"),
        (EVENTS, "since=x", "\"since: must be a whole number\""),
        (EVENTS, "since=", "\"since: must be a whole number\""),
        (RUNS, "cursor=nonsense", "cursor"),
        (RUNS, "cursor=", "cursor"),
        (RUNS, "cursor=%00", "U+0000"),
        (RUNS, "status=done", "status"),
        (RUNS, "status=", "status"),
        (RUNS, "queue=%00", "U+0000"),
        (RUNS, "%00=1", "U+0000"),
        (WORKFLOWS, "limit=0", "limit"),
        (WORKFLOWS, "limit=201", "limit"),
        (WORKFLOWS, "cursor=AAAA", "cursor"),
        (of_workflow.as_str(), "limit=201", "limit"),
        (of_workflow.as_str(), "cursor=x", "cursor"),
        (versions.as_str(), "include_spec=maybe", "include_spec"),
        ("/projects", "search=%00", "U+0000"),
    ] {
        let answer = server.owner.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 400, "{path}?{query}: {answer:?}");
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains(says), "{path}?{query}: {message}");
    }
    let of_a_job = format!("{RUNS}?parent_run_id={}", ids.job);
    server.owner.get(&of_a_job).await.error(404, "not_found");
}
