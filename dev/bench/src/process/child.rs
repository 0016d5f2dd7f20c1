//! A child process that is told what to do on its standard input and answers on its standard
//! output, a line of JSON each. It ends when its input does.

use std::process::Stdio;

use anyhow::{Context, bail};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout, Command},
};

/// A running child. It is killed when this is dropped.
pub(crate) struct Child {
    name: String,
    process: tokio::process::Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts a command.
    pub(crate) fn spawn(name: impl Into<String>, mut command: Command) -> anyhow::Result<Self> {
        let name = name.into();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("can't start {name}"))?;
        let input = process.stdin.take().expect("its input is piped");
        let output = process.stdout.take().expect("its output is piped");
        Ok(Self {
            name,
            process,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    /// This executable under another command.
    pub(crate) fn of_ours(role: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role);
        Self::spawn(role, command)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        let pid = self.process.id();
        pid.with_context(|| format!("{} has ended", self.name))
    }

    /// Sends a line.
    pub(crate) async fn tell(&mut self, message: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let sent = self.input.write_all(&line).await;
        sent.with_context(|| format!("{} reads no more", self.name))
    }

    /// Reads the next line. A child that ends instead has said why on the standard error.
    pub(crate) async fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let Some(line) = self.output.next_line().await? else {
            bail!("{} ended without an answer", self.name);
        };
        serde_json::from_str(&line).with_context(|| format!("{} answered {line}", self.name))
    }

    /// Ends its input, and waits until it has ended, too.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.input);
        let ended = self.process.wait().await?;
        if !ended.success() {
            bail!("{} failed ({ended})", self.name);
        }
        Ok(())
    }
}
