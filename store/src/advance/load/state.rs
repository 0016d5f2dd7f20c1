//! Reads the stored states of runs, also those that can't be read: such a run must not fail what
//! is asked of it for ever, nor the others of its batch.

use mobius_engine::RunState;
use mobius_types::RunId;
use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
    types::Json,
};

/// The state as it was read, or why it can't be.
pub(super) struct StoredState(Result<RunState, BoxDynError>);

impl StoredState {
    /// The state. One that can't be read is a mistake of ours, which the log tells of.
    pub(super) fn read(self, run: RunId) -> RunState {
        self.0.unwrap_or_else(|error| {
            tracing::error!(%run, %error, "the state of a run can't be read");
            RunState::lost()
        })
    }
}

impl Type<Postgres> for StoredState {
    fn type_info() -> PgTypeInfo {
        <Json<RunState> as Type<Postgres>>::type_info()
    }

    fn compatible(info: &PgTypeInfo) -> bool {
        <Json<RunState> as Type<Postgres>>::compatible(info)
    }
}

impl<'r> Decode<'r, Postgres> for StoredState {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let read = <Json<RunState> as Decode<Postgres>>::decode(value);
        Ok(Self(read.map(|Json(state)| state)))
    }
}
