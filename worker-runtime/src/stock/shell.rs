//! `shell`: runs a command on the worker's host. Only there if the worker was asked for it.
//!
//! Parameters: `command`; with `args` it is a program and runs as such, without them it is a line
//! for `sh -c`. `env` adds variables, `cwd` sets the directory, `timeout` bounds the time.
//! Result: `{"stdout", "stderr", "truncated"}`, each text cut at 1 MiB. Any exit status but 0 is a
//! failure that may be tried again.
//!
//! The command has a process group of its own. When the action is told to stop, or runs out of
//! time, the group gets SIGTERM and soon after SIGKILL; what the command leaves behind in it is
//! killed as well. The worker's API key is not in the command's environment.

use std::{collections::BTreeMap, future::pending, path::PathBuf, process::Stdio, time::Duration};

use mobius_worker_sdk::{ActionError, Context};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{duration::GoDuration, output::Capped};

/// How long a command may take to end in good order. The worker drops the action after 5 s.
const TERM_GRACE: Duration = Duration::from_secs(3);

/// After the command has ended its output is all there, unless somebody who left its group still
/// holds the other end.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    command: String,
    args: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    cwd: Option<PathBuf>,
    timeout: Option<GoDuration>,
}

#[derive(Debug, Serialize)]
pub(super) struct Output {
    stdout: String,
    stderr: String,
    truncated: bool,
}

pub(super) async fn shell(ctx: Context, parameters: Parameters) -> Result<Output, ActionError> {
    let mut child = command(&parameters).spawn()?;
    let group = Group::of(&child);
    let stdout = tokio::spawn(collect(child.stdout.take()));
    let stderr = tokio::spawn(collect(child.stderr.take()));
    let out_of_time = async {
        match parameters.timeout {
            Some(GoDuration(time)) => sleep(time).await,
            None => pending().await,
        }
    };
    let stopped = tokio::select! {
        status = child.wait() => Ok(status?),
        () = out_of_time => Err(ActionError::fail("timeout", "the command took too long")),
        reason = ctx.cancelled() => Err(ActionError::retry(format!("stopped: {reason:?}"))),
    };
    if stopped.is_err() {
        group.signal(Signal::TERM);
        let _ = timeout(TERM_GRACE, child.wait()).await;
    }
    drop(group);
    let status = stopped?;
    let output = timeout(OUTPUT_GRACE, async { tokio::join!(stdout, stderr) }).await;
    let (stdout, stderr) = output.map_err(|_| ActionError::retry("the output has no end"))?;
    let (stdout, stderr) = (stdout?, stderr?);
    if !status.success() {
        let message = format!("{status}: {}", last_line(&stderr.text()));
        return Err(ActionError::retry(message));
    }
    Ok(Output {
        truncated: stdout.truncated() || stderr.truncated(),
        stdout: stdout.text(),
        stderr: stderr.text(),
    })
}

fn command(parameters: &Parameters) -> Command {
    let mut command = match &parameters.args {
        Some(args) => {
            let mut command = Command::new(&parameters.command);
            command.args(args);
            command
        }
        None => {
            let mut command = Command::new("sh");
            command.arg("-c").arg(&parameters.command);
            command
        }
    };
    if let Some(directory) = &parameters.cwd {
        command.current_dir(directory);
    }
    command
        .env_remove("MOBIUS_API_KEY")
        .envs(&parameters.env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The process group of a command; it ends with this value.
struct Group(Option<Pid>);

impl Group {
    /// A child with a group of its own leads it, so they share a number.
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // There may be nobody left, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Reads to the end, so that the command never waits for a reader, and keeps the first part.
async fn collect(stream: Option<impl AsyncRead + Unpin>) -> Capped {
    let mut output = Capped::default();
    let mut chunk = vec![0; 64 * 1024];
    if let Some(mut stream) = stream {
        // An error ends the output like its end does.
        while let Ok(length @ 1..) = stream.read(&mut chunk).await {
            output.push(&chunk[..length]);
        }
    }
    output
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().next_back().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mobius_worker_sdk::{CancelReason, testing::invoke};
    use rustix::process::test_kill_process_group;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_line_runs_in_a_shell_and_a_program_with_its_arguments() {
        let output = invoke(shell, json!({"command": "echo out; echo err >&2"}))
            .await
            .unwrap();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("out\n", "err\n")
        );
        let output = invoke(shell, json!({"command": "echo", "args": ["$HOME;"]}))
            .await
            .unwrap();
        assert_eq!(output.stdout, "$HOME;\n");
    }

    #[tokio::test]
    async fn the_environment_and_the_directory_are_as_asked() {
        let directory = tempfile::tempdir().unwrap();
        let cwd = directory.path().canonicalize().unwrap();
        let input = json!({"command": "echo $A; pwd", "env": {"A": "b"}, "cwd": cwd});
        let output = invoke(shell, input).await.unwrap();
        assert_eq!(output.stdout, format!("b\n{}\n", cwd.display()));
    }

    #[tokio::test]
    async fn another_exit_status_fails_with_the_last_line() {
        let error = invoke(shell, json!({"command": "echo no >&2; exit 3"}))
            .await
            .unwrap_err();
        assert_eq!(error.error_type(), "activity_failed");
        assert_eq!(error.message(), "exit status: 3: no");
    }

    #[tokio::test]
    async fn long_output_is_cut_and_does_not_block_the_command() {
        let line = "head -c 3000000 /dev/zero | tr '\\0' x";
        let output = invoke(shell, json!({"command": line})).await.unwrap();
        assert!(output.truncated);
        assert_eq!(output.stdout.len(), 1024 * 1024);
    }

    #[tokio::test]
    async fn what_a_command_leaves_behind_is_killed() {
        let output = invoke(shell, json!({"command": "sleep 1000 & echo $$"}))
            .await
            .unwrap();
        assert_group_is_gone(&output.stdout).await;
    }

    #[tokio::test]
    async fn a_command_that_is_told_to_stop_takes_its_children_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let line = "mkfifo ready; echo $$ > id; sleep 1000 & echo > ready; wait";
        let invocation = invoke(shell, json!({"command": line, "cwd": directory.path()}));
        let canceller = invocation.canceller();
        let ready = directory.path().join("ready");
        let (result, ()) = tokio::join!(invocation.into_future(), async {
            while !ready.exists() {
                tokio::task::yield_now().await;
            }
            tokio::fs::read(ready).await.unwrap();
            canceller.cancel(CancelReason::Cancelled);
        });
        assert!(result.unwrap_err().message().contains("Cancelled"));
        let id = std::fs::read_to_string(directory.path().join("id")).unwrap();
        assert_group_is_gone(&id).await;
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_a_timeout() {
        let input = json!({"command": "exec sleep 1000", "timeout": "20ms"});
        let error = invoke(shell, input).await.unwrap_err();
        assert_eq!(error.error_type(), "timeout");
    }

    /// Orphans are reaped by the host's first process, in its own time.
    async fn assert_group_is_gone(id: &str) {
        let group = Pid::from_raw(id.trim().parse().unwrap()).unwrap();
        let gone = async {
            while test_kill_process_group(group).is_ok() && !only_zombies(group) {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), gone).await.unwrap();
    }

    /// In a container without an init nobody reaps them, but they are dead all the same.
    fn only_zombies(group: Pid) -> bool {
        let of_group = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut states = of_group.filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut fields = stat.rsplit(')').next()?.split_whitespace();
            let state = fields.next()?.to_owned();
            let its_group: i32 = fields.nth(1)?.parse().ok()?;
            (its_group == group.as_raw_nonzero().get()).then_some(state)
        });
        states.all(|state| state == "Z")
    }
}
