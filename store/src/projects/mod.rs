//! Projects: created, read, changed, and deleted with everything in them.

mod delete;
mod read;
mod write;

pub use delete::{Purged, delete, purge};
pub use read::{get, list, resolve};
pub use write::{NewProject, create, update};
