//! Puts off what can't be dealt with, so that it hides none of what is due behind it.

use std::time::Duration;

use mobius_store::Error;

/// How long it is put off.
pub(crate) const PUT_OFF: Duration = Duration::from_secs(60);

/// Counts the rows that were dealt with, and has `put_off` put off each of those that can't be;
/// it is told why. When the database is away that is no row's fault, and the tick fails.
pub(crate) async fn count_done<T, F>(
    tried: impl IntoIterator<Item = (T, Result<(), Error>)>,
    put_off: impl Fn(T, Error) -> F,
) -> Result<u64, Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut done = 0;
    for (row, outcome) in tried {
        match outcome {
            Ok(()) => done += 1,
            Err(error) if error.is_transient() && !error.may_be_one_item() => return Err(error),
            Err(error) => put_off(row, error).await?,
        }
    }
    Ok(done)
}
