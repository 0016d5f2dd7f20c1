//! Example: a census of a source tree, counted by workers.
