//! `credentials.json` of `mobius dev`.

use std::{fs, os::unix::fs::PermissionsExt};

use rustix::process::Signal;

use crate::harness::{Credentials, Dev, Directory, completed, json_step, start};

#[tokio::test]
async fn the_credentials_work_and_nobody_else_may_read_them() {
    let directory = Directory::create();
    let _dev = Dev::up(directory.path()).await;
    let file = directory.path().join("credentials.json");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let credentials = Credentials::read(directory.path());
    assert!(credentials.api_key.starts_with("mbx_"));
    assert_eq!(credentials.project, "default");
    let projects = credentials.client().list_projects().await.unwrap();
    assert_eq!(projects.items.len(), 1);
    assert_eq!(projects.items[0].handle, "default");
}

#[tokio::test]
async fn data_and_key_survive_a_restart() {
    let directory = Directory::create();
    let mut dev = Dev::up(directory.path()).await;
    let before = Credentials::read(directory.path());
    let run = start(&before.client(), json_step()).await;
    let finished = completed(&before.client(), run).await;
    dev.process.signal(Signal::TERM);
    dev.process.ended().await.succeeded();

    let _dev = Dev::up(directory.path()).await;
    let after = Credentials::read(directory.path());
    assert_eq!(after.api_key, before.api_key);
    let found = after.client().get_run(run).await.unwrap();
    assert_eq!(found.run.status, finished.run.status);
    assert_eq!(found.run.completed_at, finished.run.completed_at);
    let next = start(&after.client(), json_step()).await;
    completed(&after.client(), next).await;
}
