//! Workers.

mod list;
