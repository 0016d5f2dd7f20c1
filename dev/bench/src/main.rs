//! Measures the control plane over HTTP with durable commits, beside its limits and its peers.
//!
//! This process only directs. The control plane, Postgres, and the load are processes of their
//! own, so that the CPU time of each can be told apart; the first and the last are this same
//! executable under another command.

mod arguments;
mod bench;
mod load;
mod process;
mod report;
mod scenarios;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Role};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.role {
        None if arguments.set_up => scenarios::peers::set_up(),
        None => bench::run(arguments).await,
        Some(Role::Serve) => process::serve::control_plane().await,
        Some(Role::ServeEcho) => process::serve::echo().await,
        Some(Role::Load) => load::run().await,
    }
}
