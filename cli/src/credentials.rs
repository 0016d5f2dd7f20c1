//! `credentials.json`: what a client needs to reach the server of `mobius dev`.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use mobius_store::{
    Db, bootstrap,
    keys::{self, SecretKey},
};
use serde::{Deserialize, Serialize};

use crate::server::DatabaseContext;

/// Where the server is, and a key for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The server's address.
    pub(crate) base_url: String,
    /// An owner's key.
    pub(crate) api_key: String,
    /// The project's handle.
    pub(crate) project: String,
}

impl Credentials {
    /// Those of the file, as long as the key still works; else with a new key. The file is written
    /// anew, because the address may have changed.
    pub(crate) async fn ensure(db: &Db, dir: &Path, base_url: String) -> anyhow::Result<Self> {
        let path = dir.join("credentials.json");
        let api_key = match known_key(db, &path).await? {
            Some(key) => key,
            None => {
                let made = crate::bootstrap::make(db, "dev".to_owned()).await?;
                made.key.expose().to_owned()
            }
        };
        let project = bootstrap::DEFAULT_HANDLE.to_owned();
        let credentials = Self {
            base_url,
            api_key,
            project,
        };
        credentials.write(&path)?;
        Ok(credentials)
    }

    /// Replaces the file as a whole; nobody else may read it.
    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let draft = PathBuf::from(format!("{}.new", path.display()));
        let write = || {
            // A draft that a crash left behind may have another mode.
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&draft)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            writeln!(file)?;
            file.sync_all()?;
            fs::rename(&draft, path)
        };
        write().with_context(|| format!("can't write {}", path.display()))
    }
}

/// The key of the file, if there is one that this database knows.
async fn known_key(db: &Db, path: &Path) -> anyhow::Result<Option<String>> {
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(None);
    };
    let Ok(credentials) = serde_json::from_str::<Credentials>(&text) else {
        return Ok(None);
    };
    let Some(key) = SecretKey::parse(&credentials.api_key) else {
        return Ok(None);
    };
    let mut connection = db.acquire().await.database()?;
    let known = keys::authenticate(&mut connection, key.hash())
        .await
        .database()?;
    Ok(known.map(|_| credentials.api_key))
}
