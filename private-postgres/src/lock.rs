//! Lets one process at a time use a data directory.
//!
//! The operating system releases the lock with its holder, however that ends; what is written in
//! the file only serves the error message of the second process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::{At, Error};

/// Held as long as this lives.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held, not read")] File);

impl DirectoryLock {
    /// Locks a directory, or says who has it.
    pub(crate) fn acquire(dir: &Path) -> Result<DirectoryLock, Error> {
        let path = dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
            Err(TryLockError::Error(error)) => return Err(error).at("lock", &path),
        }
        file.set_len(0).at("write", &path)?;
        write!(file, "process {}", std::process::id()).at("write", &path)?;
        Ok(DirectoryLock(file))
    }
}

fn in_use(dir: &Path, file: &mut File) -> Error {
    let mut holder = String::new();
    if file.read_to_string(&mut holder).is_err() || holder.is_empty() {
        holder = "another process".to_owned();
    }
    Error::InUse {
        dir: dir.to_owned(),
        holder,
    }
}
