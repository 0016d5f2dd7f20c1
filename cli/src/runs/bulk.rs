//! Prints what became of the runs of a bulk call.

use anyhow::bail;
use mobius_types::BulkRunResult;

/// One line a run; fails when it was not done for one of them.
pub(super) fn report(done: &str, result: &BulkRunResult, json: bool) -> anyhow::Result<()> {
    if json {
        super::print_json(result)?;
    } else {
        result
            .succeeded
            .iter()
            .for_each(|id| println!("{id} {done}"));
        result
            .failures
            .iter()
            .for_each(|(id, why)| eprintln!("{id}: {why}"));
        if result.succeeded.is_empty() && result.failures.is_empty() {
            eprintln!("no run matches");
        }
        if result.has_more == Some(true) {
            eprintln!("more runs match: repeat the command");
        }
    }
    match result.failures.len() {
        0 => Ok(()),
        failed => bail!("it was not done for {failed} runs"),
    }
}
