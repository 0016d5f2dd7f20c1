//! A running private cluster: start, connect, restart, stop.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::account::Account;
use crate::binaries::{self, Binaries};
use crate::data;
use crate::error::{At, Error};
use crate::install;
use crate::lock::DirectoryLock;
use crate::options::{Durability, Options, server_settings};
use crate::orphan;
use crate::pid_file;
use crate::place::Place;
use crate::supervisor::{Program, Supervisor};

const POLL: Duration = Duration::from_millis(5);
/// How much of the log an error carries.
const LOG_LINES: usize = 15;

/// A running private cluster.
///
/// It listens on a socket that only its own account (and root) can reach, which is why it asks
/// for no password. Dropping it stops the server in the background, and so does the end of the
/// process; use [`Cluster::stop`] to know that it has ended.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    account: Account,
    binaries: Binaries,
    place: Place,
    /// Empty between the two halves of a restart.
    supervisor: Mutex<Option<Supervisor>>,
    /// Released last: fields are dropped in their order.
    lock: DirectoryLock,
}

impl Cluster {
    /// Starts the cluster of a data directory, which is created when it does not exist. Returns
    /// when clients can connect.
    ///
    /// # Errors
    /// Another process uses the directory, Postgres is missing and may not be installed, or it
    /// does not start. Nothing is left running then.
    pub async fn start(options: Options) -> Result<Cluster, Error> {
        let data_dir = options.data_dir.clone();
        let created = !data_dir.try_exists().at("look for", &data_dir)?;
        let doomed = created && options.durability == Durability::Throwaway;
        let started = Cluster::start_in(options, created).await;
        if doomed && let Err(error) = &started {
            tracing::debug!(
                "deleting {} after a failed start: {error}",
                data_dir.display()
            );
            remove_all(&data_dir)?;
        }
        started
    }

    async fn start_in(options: Options, created: bool) -> Result<Cluster, Error> {
        let data_dir = &options.data_dir;
        fs::create_dir_all(data_dir).at("create", data_dir)?;
        let lock = DirectoryLock::acquire(data_dir)?;
        let account = install::ensure(&options).await?;
        let place = Place::settle(&options, created, account).await?;
        let binaries = locate_binaries(&options, &place, account).await?;
        orphan::clear(&place.data(), account).await?;
        data::ensure(&place, &binaries, options.durability, account).await?;
        let supervisor = Mutex::new(None);
        let cluster = Cluster {
            options,
            account,
            binaries,
            place,
            supervisor,
            lock,
        };
        cluster.resume().await?;
        Ok(cluster)
    }

    /// How to connect to a database of the cluster as its superuser, `mobius`. A new cluster has
    /// the database `postgres`.
    pub fn url(&self, database: &str) -> String {
        let host = self.place.socket_dir().display();
        format!("postgres://mobius@localhost:5432/{database}?host={host}&sslmode=disable")
    }

    /// Ends the server as a crash would and starts it again, under the same URL. Committed work
    /// is there afterwards; connections are not.
    ///
    /// # Errors
    /// The server does not end, or does not start again.
    pub async fn restart_immediately(&self) -> Result<(), Error> {
        self.halt().await?;
        self.resume().await
    }

    /// Ends the server as a crash would, until [`Cluster::resume`]. Does nothing while it is
    /// halted.
    ///
    /// # Errors
    /// The server does not end.
    pub async fn halt(&self) -> Result<(), Error> {
        match self.supervisor.lock().await.take() {
            Some(supervisor) => supervisor.stop_immediately().await,
            None => Ok(()),
        }
    }

    /// Starts a halted server again, under the same URL. Does nothing while it runs.
    ///
    /// # Errors
    /// The server does not start again.
    pub async fn resume(&self) -> Result<(), Error> {
        let mut supervisor = self.supervisor.lock().await;
        if supervisor.is_none() {
            *supervisor = Some(self.launch().await?);
        }
        Ok(())
    }

    /// Stops the server, and deletes the data directory of a throwaway cluster.
    ///
    /// # Errors
    /// The server does not end, or its files can't be deleted.
    pub async fn stop(self) -> Result<(), Error> {
        if let Some(supervisor) = self.supervisor.into_inner() {
            supervisor.stop().await?;
        }
        for leftover in self.place.leftovers() {
            remove_all(leftover)?;
        }
        if self.options.durability == Durability::Throwaway {
            remove_all(&self.options.data_dir)?;
        }
        drop(self.lock);
        Ok(())
    }

    async fn launch(&self) -> Result<Supervisor, Error> {
        let mut supervisor = Supervisor::spawn(&self.program(), self.account)?;
        let log = || log_tail(&self.place.log());
        let seconds = self.options.start_timeout.as_secs();
        let failure = tokio::select! {
            () = supervisor.server_gone() => Error::StartFailed { log: log() },
            () = tokio::time::sleep(self.options.start_timeout) => {
                Error::StartTimedOut { seconds, log: log() }
            }
            ready = self.ready() => match ready {
                Ok(()) => return Ok(supervisor),
                Err(error) => error,
            },
        };
        supervisor.stop().await?;
        Err(failure)
    }

    fn program(&self) -> Program<'_> {
        let mut arguments = vec![OsString::from("-D"), self.place.data().into_os_string()];
        let mut sockets = OsString::from("unix_socket_directories=");
        sockets.push(self.place.socket_dir());
        let settings = server_settings(&self.options)
            .into_iter()
            .map(OsString::from);
        for setting in settings.chain([sockets]) {
            arguments.extend([OsString::from("-c"), setting]);
        }
        Program {
            binary: self.binaries.postgres(),
            arguments,
            log: self.place.log(),
            leftovers: self.place.leftovers(),
        }
    }

    /// Returns when the server that runs now (and not a dead one before it) says it is ready.
    async fn ready(&self) -> Result<(), Error> {
        let data = self.place.data();
        loop {
            if let Some(found) = pid_file::read(&data)?
                && found.ready
                && pid_file::is_server_on(found.pid, &data, self.account).await?
            {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn locate_binaries(
    options: &Options,
    place: &Place,
    account: Account,
) -> Result<Binaries, Error> {
    let wanted = data::wanted_release(place)?;
    match &options.bin_dir {
        Some(dir) => binaries::in_directory(dir, wanted, account).await,
        None => binaries::find(wanted, account).await,
    }
}

fn remove_all(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.at("remove", path),
    }
}

fn log_tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
