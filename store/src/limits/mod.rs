//! Limits: how many jobs of a key may be held at once, and claimed in how much time.
//!
//! What is held is never counted up and down: it is the number of claimed jobs, so no way in which a
//! job can end makes it wrong. A limit's row is the lock of whoever claims its jobs, and says when its
//! next claim may be; `limit_lanes` say where its jobs wait, so that a claim passes over limits that
//! let nothing through without a look at their jobs. Jobs without a limit have nothing to do with it.

mod changes;
mod claim;
mod release;
mod terms;

pub(crate) use changes::LimitChanges;
pub use claim::claim_in_order;
pub(crate) use release::{lock_of_job, open_of_job};
pub(crate) use terms::{JobTerms, LimitId, NewLimit, rate, terms};
