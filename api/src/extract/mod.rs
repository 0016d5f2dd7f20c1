//! Extractors that answer in our error envelope and name the field.

mod body;
mod path;
mod query;

pub(crate) use body::Body;
pub(crate) use path::{PathId, parse as parse_id};
pub(crate) use query::{LongPaging, Paging, Query};
