//! Finds or installs Postgres and runs a private cluster of it.
