//! What a worker author imports.
