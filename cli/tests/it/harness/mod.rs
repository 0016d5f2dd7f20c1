//! What the tests share: processes of the executable, and clients that talk to them.

mod deployment;
mod dev;
mod directory;
mod history;
mod load;
mod process;
mod runs;
mod wait;

pub(crate) use deployment::{Deployment, Server};
pub(crate) use dev::{Credentials, Dev};
pub(crate) use directory::{Directory, processes_naming};
pub(crate) use history::History;
pub(crate) use load::Load;
pub(crate) use process::{Ended, Process, mobius};
pub(crate) use runs::{completed, json_step, nap, parked, start, the_job};
pub(crate) use wait::until;
