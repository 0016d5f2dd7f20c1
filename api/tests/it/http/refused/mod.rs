//! Requests that are refused: each says what is wrong with which field, and leaves nothing behind.

mod bounds;
mod json;
mod names;
mod query;
mod types;

use mobius_test_support::inspect::row_counts;
use reqwest::Method;

use crate::harness::{Ids, TestServer};

/// A request line, a body, and what the message must say of them.
type Refused<'t> = (&'t str, &'t str, &'t [&'t str]);

/// Sends all of them and checks that each is refused and that no table has changed.
async fn all_are_refused(requests: &[Refused<'_>]) {
    let server = TestServer::start().await;
    let ids = Ids::made_in(&server.tenant).await;
    // Runs may be refused for what stands beside a good spec, which is kept for the next one.
    server.owner.start().await;
    let rows = async || row_counts(&mut *server.tenant.connection().await).await;
    let before = rows().await;
    for (line, body, says) in requests {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path
            .replace("{project}", &ids.project_id)
            .replace("{workflow}", &ids.workflow)
            .replace("{job}", &ids.job);
        let method: Method = method.parse().unwrap();
        let answer = server
            .owner
            .send(method, &path, Some((*body).to_owned()))
            .await;
        let shown: String = body.chars().take(200).collect();
        assert_eq!(answer.status, 400, "{line} {shown}: {answer:?}");
        let code = answer.json()["error"]["code"].clone();
        let message = answer.error(400, code.as_str().unwrap_or_default());
        for part in *says {
            assert!(message.contains(part), "{line} {shown}: {message}");
        }
    }
    assert_eq!(rows().await, before);
}

/// The body of a start whose spec is in order, with more fields.
fn start_with(fields: &str) -> String {
    let spec = crate::harness::echo_spec();
    format!(r#"{{"spec":{spec},{fields}}}"#)
}

/// The same for a new workflow of one step, with more fields of the step.
fn step_with(fields: &str) -> String {
    format!(
        r#"{{"name":"w","spec":{{"name":"w","steps":[{{"name":"a","action":"echo",{fields}}}]}}}}"#
    )
}
