//! Published workflows as tools.

mod call;
mod list;
mod read;
