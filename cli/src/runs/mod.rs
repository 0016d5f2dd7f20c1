//! `mobius runs`: what operators do to runs, over the HTTP API.

mod args;
mod bulk;
mod show;

use anyhow::Context;
use mobius_types::{BulkRunFilter, JsonObject};
use mobius_worker_sdk::Client;
use serde::Serialize;

pub(crate) use args::RunsArguments;
use args::{Filter, RunsCommand};

/// Does what the command says, and prints what came of it.
pub(crate) async fn run(arguments: RunsArguments) -> anyhow::Result<()> {
    let client = arguments.api.client()?;
    match arguments.command {
        RunsCommand::List {
            filter,
            limit,
            json,
        } => list(&client, filter.into(), limit, json).await,
        RunsCommand::Show { id, json } => {
            let run = client.get_run(id).await?;
            if json {
                print_json(&run)
            } else {
                show::run(&run)
            }
        }
        RunsCommand::Cancel { runs, json } => {
            let result = client.cancel_runs(&runs.into()).await?;
            bulk::report("will end", &result, json)
        }
        RunsCommand::Retry { runs, from, json } => {
            let result = client.retry_runs(&runs.retry(from.into())).await?;
            bulk::report("goes on", &result, json)
        }
        RunsCommand::Resume { id } => {
            client.resume_run(id).await?;
            println!("{id} goes on");
            Ok(())
        }
        RunsCommand::Signal { id, name, payload } => {
            let payload: JsonObject = match payload {
                Some(text) => {
                    serde_json::from_str(&text).context("--payload must be a JSON object")?
                }
                None => JsonObject::new(),
            };
            let signal = client.signal_run(id, &name, payload).await?;
            println!("{} is stored for {id}", signal.id);
            Ok(())
        }
    }
}

async fn list(
    client: &Client,
    filter: BulkRunFilter,
    limit: u32,
    json: bool,
) -> anyhow::Result<()> {
    let page = client.list_runs(&filter, Some(limit), None).await?;
    if json {
        return print_json(&page.items);
    }
    show::list(&page.items);
    if page.has_more {
        eprintln!("there are more; see --limit and the filters");
    }
    Ok(())
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

impl From<Filter> for BulkRunFilter {
    fn from(filter: Filter) -> Self {
        Self {
            status: filter.status,
            workflow_type: filter.workflow,
            queue: filter.queue,
            parent_run_id: filter.parent.map(|id| id.to_string()),
            initiated_by: filter.initiated_by,
            external_id: filter.external_id,
        }
    }
}
