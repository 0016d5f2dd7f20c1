//! The executable as a child process: what it prints, how it ends, and that it does end.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::watch, time::timeout};

/// How long a process may take to say something, or to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// The executable with these arguments, and without the settings of whoever runs the tests. Only
/// where Postgres lies may still be said.
pub(crate) fn mobius(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mobius"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_setting = text == "DATABASE_URL" || text.starts_with("MOBIUS_");
        if is_setting && text != "MOBIUS_PG_BIN" {
            command.env_remove(&name);
        }
    }
    command
}

/// A running child. It is killed when it is dropped.
pub(crate) struct Process {
    child: tokio::process::Child,
    stdout: Output,
    stderr: Output,
}

/// What a child that has ended leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Ended {
    /// The output of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Vec<String> {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }

    /// The one line with which a command must have failed.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert!(matches!(self.status.code(), Some(1 | 2)), "{self:?}");
        assert_eq!(self.stdout, [""; 0], "{self:?}");
        assert_eq!(self.stderr.len(), 1, "not one line: {self:?}");
        self.stderr.concat()
    }
}

impl Process {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Process {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap().into_owned_fd().unwrap();
        let stderr = child.stderr.take().unwrap().into_owned_fd().unwrap();
        Process {
            child,
            stdout: Output::of(std::fs::File::from(stdout)),
            stderr: Output::of(std::fs::File::from(stderr)),
        }
    }

    /// Runs a command to its end.
    pub(crate) async fn run(command: Command) -> Ended {
        Process::start(command).ended().await
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// The first line of its log with this text, once it is there.
    pub(crate) async fn logs(&self, text: &str) -> String {
        self.stderr.line(text).await
    }

    /// The first line of its standard output with this text, once it is there.
    pub(crate) async fn prints(&self, text: &str) -> String {
        self.stdout.line(text).await
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Ended {
        self.ended_within(PATIENCE).await
    }

    /// Waits for its end, which must come in time.
    pub(crate) async fn ended_within(&mut self, time: Duration) -> Ended {
        let Ok(status) = timeout(time, self.child.wait()).await else {
            panic!("it still runs; its log is {:#?}", self.stderr.lines());
        };
        Ended {
            status: status.unwrap(),
            stdout: self.stdout.all().await,
            stderr: self.stderr.all().await,
        }
    }
}

/// The lines of a stream, as far as they have come.
struct Output(watch::Receiver<Vec<String>>);

impl Output {
    /// Reads in a thread: a child that nobody reads from would stop at a full pipe.
    fn of(stream: impl Read + Send + 'static) -> Output {
        let (sender, lines) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                sender.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        Output(lines)
    }

    fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    async fn line(&self, text: &str) -> String {
        let find = |lines: &[String]| lines.iter().find(|line| line.contains(text)).cloned();
        let mut lines = self.0.clone();
        let waited = timeout(PATIENCE, lines.wait_for(|lines| find(lines).is_some())).await;
        if !matches!(waited, Ok(Ok(_))) {
            panic!("no line with {text:?} in {:#?}", self.lines());
        }
        find(&self.lines()).unwrap()
    }

    /// All lines. The stream ends when all who could write to it have ended.
    async fn all(&self) -> Vec<String> {
        let mut lines = self.0.clone();
        let closed = timeout(PATIENCE, lines.wait_for(|_| false)).await;
        assert!(closed.is_ok(), "somebody still holds the process's output");
        self.lines()
    }
}
