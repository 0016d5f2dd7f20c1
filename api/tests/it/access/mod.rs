//! Who may call what: the same questions for every route.

mod keys;
mod missing;
mod permissions;
mod pinned;
mod tenants;
