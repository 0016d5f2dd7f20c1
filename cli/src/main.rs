//! `mobius`: the one executable. Parses the command line and hands over to the command's module.

mod args;
mod bootstrap;
mod credentials;
mod demo;
mod dev;
mod logging;
mod openapi;
mod parse;
mod private;
mod replica;
mod runs;
mod server;
mod settings;
mod signals;
mod worker;

use std::process::ExitCode;

use args::Command;

/// The server makes many small, short-lived allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(unknown) = settings::refuse_unknown() {
        eprintln!("error: {unknown}");
        return ExitCode::from(2);
    }
    let arguments = parse::arguments();
    // The demo tells its own story, and what is printed about runs is for people and pipes.
    let default = if matches!(arguments.command, Command::Demo(_) | Command::Runs(_)) {
        "warn"
    } else {
        "info"
    };
    logging::start(&arguments.logging, default);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Server(arguments) => server::run(arguments).await,
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Worker(arguments) => worker::run(arguments).await,
        Command::Runs(arguments) => runs::run(arguments).await,
        Command::Migrate(arguments) => server::migrate(&arguments).await,
        Command::Bootstrap(arguments) => bootstrap::run(arguments).await,
        Command::Openapi => openapi::print(),
    }
}
