//! Extractors that answer in our error envelope and name the field.

mod body;
mod objects;
mod path;
mod plain;
mod query;

pub(crate) use body::{Body, BoundedBody, OptionalBody, bound};
pub(crate) use path::{PathId, parse as parse_id};
pub(crate) use query::{LongPaging, Paging, Query};
