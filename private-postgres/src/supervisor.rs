//! Runs the server so that it can't outlive us.
//!
//! Between us and the server stands a shell that waits on a pipe from us. When we end, however we
//! end, the operating system closes the pipe, and the shell stops the server and cleans up. It
//! runs in a process group of its own, so that Ctrl-C reaches us and not the server; we still
//! have connections to close.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use tokio::sync::watch;

use crate::account::Account;
use crate::error::{At, Error};

/// The shell's part. Its arguments: the log file, two paths to delete at the end (or nothing), and
/// the command.
///
/// Its standard output is passed on to the server alone. The server writes nothing there; that
/// it is closed tells us that the server and all its children are gone. A line on standard input
/// names a signal; its end means a fast shutdown and the deletion. A server that is slow to stop
/// is told to stop immediately, which loses nothing that was committed.
const SCRIPT: &str = r#"
log=$1 first=$2 second=$3
shift 3
[ ! -s "$log" ] || mv -f "$log" "$log.1"
"$@" </dev/null 2>>"$log" &
server=$!
exec >&-
if read -r signal; then first= second=; else signal=INT; fi
kill -s "$signal" "$server" 2>/dev/null
kill -s CONT "$server" 2>/dev/null
(
    trap 'kill "$!" 2>/dev/null; wait; exit' TERM
    sleep 10 & wait "$!"
    kill -s QUIT "$server" 2>/dev/null
) &
timer=$!
wait "$server"
kill "$timer" 2>/dev/null
wait "$timer"
[ -z "$first" ] || rm -rf -- "$first"
[ -z "$second" ] || rm -rf -- "$second"
"#;

/// After the shell's ten seconds the server takes at most five to kill its children.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What to run, and what to delete when it has ended for good.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// The server's binary.
    pub(crate) binary: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<std::ffi::OsString>,
    /// Where it logs; the log of the run before is kept beside it.
    pub(crate) log: PathBuf,
    /// At most two.
    pub(crate) leftovers: Vec<&'a Path>,
}

/// A running server. Dropping it stops the server, in the background.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pipe: ChildStdin,
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Running,
    ServerGone,
    AllGone,
}

impl Supervisor {
    /// Starts the server; it is not ready yet.
    pub(crate) fn spawn(program: &Program<'_>, account: Account) -> Result<Supervisor, Error> {
        let mut leftovers = program.leftovers.iter().map(|path| path.as_os_str());
        let mut command = account.command("sh");
        command
            .args(["-c", SCRIPT, "mobius-postgres-supervisor"])
            .arg(&program.log);
        command.arg(leftovers.next().unwrap_or_default());
        command.arg(leftovers.next().unwrap_or_default());
        command.arg(&program.binary).args(&program.arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command
            .process_group(0)
            .spawn()
            .at("run", Path::new("sh"))?;
        let pipe = child
            .stdin
            .take()
            .expect("standard input was asked for as a pipe");
        let (sender, progress) = watch::channel(Progress::Running);
        std::thread::spawn(move || watch_over(child, &sender));
        Ok(Supervisor { pipe, progress })
    }

    /// Returns when the server and all its children are gone, for whatever reason.
    pub(crate) async fn server_gone(&mut self) {
        reach(&mut self.progress, Progress::ServerGone).await;
    }

    /// Stops the server: it disconnects its clients and writes a checkpoint.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let Supervisor { pipe, mut progress } = self;
        drop(pipe);
        all_gone(&mut progress).await
    }

    /// Stops the server as a crash would: the next start has to recover.
    pub(crate) async fn stop_immediately(mut self) -> Result<(), Error> {
        self.pipe
            .write_all(b"QUIT\n")
            .at("write to", Path::new("the supervisor's pipe"))?;
        all_gone(&mut self.progress).await
    }
}

/// Has a thread of its own, because a cluster may outlive the runtime that it was started in.
fn watch_over(mut child: Child, sender: &watch::Sender<Progress>) {
    if let Some(mut output) = child.stdout.take()
        && let Err(error) = io::copy(&mut output, &mut io::sink())
    {
        tracing::warn!("can't watch Postgres: {error}");
    }
    sender.send_replace(Progress::ServerGone);
    if let Err(error) = child.wait() {
        tracing::warn!("can't wait for the supervisor of Postgres: {error}");
    }
    sender.send_replace(Progress::AllGone);
}

async fn all_gone(progress: &mut watch::Receiver<Progress>) -> Result<(), Error> {
    let gone = tokio::time::timeout(STOP_TIMEOUT, reach(progress, Progress::AllGone)).await;
    gone.map_err(|_| Error::StopTimedOut {
        seconds: STOP_TIMEOUT.as_secs(),
    })
}

async fn reach(progress: &mut watch::Receiver<Progress>, wanted: Progress) {
    // An error would mean that the thread has ended, and its last act is to report the end.
    let _ = progress.wait_for(|reached| *reached >= wanted).await;
}
