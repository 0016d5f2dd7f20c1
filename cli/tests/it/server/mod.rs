//! `mobius server` over a database of the operator's own: how it starts and stops.

mod drain;
mod schema;
