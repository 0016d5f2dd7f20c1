//! Prints runs as tables.

use comfy_table::{Table, presets::NOTHING};
use mobius_types::{Job, WorkflowRun, WorkflowRunDetail};
use mobius_worker_sdk::run_outputs;

/// One row a run.
pub(super) fn list(runs: &[WorkflowRun]) {
    let mut table = table(["ID", "WORKFLOW", "STATUS", "ATTEMPT", "QUEUE", "CREATED"]);
    for run in runs {
        table.add_row([
            run.id.to_string(),
            run.workflow_name.clone(),
            status(run),
            run.attempt.to_string(),
            run.queue.clone().unwrap_or_default(),
            time(&run.created_at),
        ]);
    }
    println!("{table}");
}

/// A run, its jobs, and what it gives back.
pub(super) fn run(detail: &WorkflowRunDetail) -> anyhow::Result<()> {
    let run = &detail.run;
    let rows = [
        ("id", Some(run.id.to_string())),
        ("workflow", Some(run.workflow_name.clone())),
        ("status", Some(status(run))),
        ("attempt", Some(run.attempt.to_string())),
        ("error", run.error_message.clone()),
        ("queue", run.queue.clone()),
        ("external id", run.external_id.clone()),
        ("started by", run.initiated_by.clone()),
        ("parent", run.parent_run_id.map(|id| id.to_string())),
        ("created", Some(time(&run.created_at))),
        ("started", run.started_at.as_ref().map(time)),
        ("ended", run.completed_at.as_ref().map(time)),
    ];
    let mut table = Table::new();
    table.load_style(NOTHING);
    for (name, value) in rows {
        if let Some(value) = value {
            table.add_row([name.to_owned(), value]);
        }
    }
    println!("{table}");
    if !detail.jobs.is_empty() {
        println!();
        jobs(&detail.jobs);
    }
    if let Some(outputs) = run_outputs(detail)? {
        println!("\n{}", serde_json::to_string_pretty(&outputs)?);
    }
    Ok(())
}

fn jobs(jobs: &[Job]) {
    let mut table = table([
        "JOB", "STEP", "BRANCH", "ACTION", "STATUS", "ATTEMPT", "WORKER",
    ]);
    for job in jobs {
        table.add_row([
            job.id.to_string(),
            job.step_name.clone(),
            job.path_id.clone().unwrap_or_default(),
            job.action.clone(),
            job.status.as_str().to_owned(),
            job.attempt.to_string(),
            job.claimed_by.clone().unwrap_or_default(),
        ]);
    }
    println!("{table}");
}

fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header);
    table
}

fn status(run: &WorkflowRun) -> String {
    let status = run.status.as_str();
    if run.cancel_requested && !run.status.is_terminal() {
        return format!("{status} (to be cancelled)");
    }
    status.to_owned()
}

/// To the second, which is what people look at.
fn time(time: &mobius_types::Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
