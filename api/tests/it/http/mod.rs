//! What holds for every request: ids, paths, methods, bodies.

mod bodies;
mod paths;
mod refused;
mod request_id;
