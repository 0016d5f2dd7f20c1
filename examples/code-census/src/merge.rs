//! `census.merge`: adds up what was counted of the portions.
//!
//! Parameters: `parts`, an array of censuses. Result: the census of all, and of how many portions.

use mobius_worker_sdk::{ActionError, Context};
use serde::{Deserialize, Serialize};

use crate::Census;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    parts: Vec<Census>,
}

/// What was counted of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The sum of all portions.
    pub census: Census,
    /// How many portions there were, each counted by a job of its own.
    pub portions: usize,
}

pub(crate) async fn merge(_: Context, parameters: Parameters) -> Result<Summary, ActionError> {
    Ok(Summary {
        portions: parameters.parts.len(),
        census: Census::merge(parameters.parts),
    })
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::testing::invoke;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn parts_are_added_up_and_counted() {
        let row = json!({"language": "Rust", "files": 1, "lines": 2, "blank": 0, "bytes": 9});
        let part = json!({"rows": [row], "skipped": 1});
        let parts = json!({"parts": [part, part]});
        let summary = invoke(merge, parts).await.unwrap();
        assert_eq!((summary.portions, summary.census.skipped), (2, 2));
        assert_eq!(summary.census.total().lines, 4);
    }
}
