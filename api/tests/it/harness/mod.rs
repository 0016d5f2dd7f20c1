//! What every test stands on: a server in this process, and callers with keys.

mod answer;
mod caller;
mod events;
mod flow;
mod routes;
mod server;

pub(crate) use answer::Answer;
pub(crate) use caller::Caller;
pub(crate) use events::{EventStream, Frame};
pub(crate) use flow::{Ids, approval, asking, echo_spec, job_path, run_path};
pub(crate) use routes::ROUTES;
pub(crate) use server::{Replica, TestServer};
