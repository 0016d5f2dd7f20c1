//! Ends of `mobius dev`, wanted and unwanted. Its Postgres never outlives it.

use std::{net::TcpListener, time::Duration};

use rustix::process::Signal;

use crate::harness::{
    Credentials, Dev, Directory, completed, json_step, nap, processes_naming, start, the_job, until,
};

/// How long an end that was asked for may take.
const SOON: Duration = Duration::from_secs(10);

/// Asks it to stop; nothing of it may be left then.
async fn ends_well(mut dev: Dev, directory: &Directory, signal: Signal) {
    dev.process.signal(signal);
    let printed = dev.process.ended_within(SOON).await.succeeded();
    assert_eq!(printed.last().unwrap(), "stopped");
    assert_eq!(processes_naming(directory.path()), [""; 0]);
}

#[tokio::test]
async fn sigterm_stops_everything_though_the_worker_is_busy() {
    let directory = Directory::create();
    let dev = Dev::up(directory.path()).await;
    let client = Credentials::read(directory.path()).client();
    let run = start(&client, nap("1h")).await;
    the_job(&client, run, |job| job.claimed_by.is_some()).await;
    ends_well(dev, &directory, Signal::TERM).await;
}

#[tokio::test]
async fn sigint_stops_everything() {
    let directory = Directory::create();
    let dev = Dev::up(directory.path()).await;
    assert!(processes_naming(directory.path()).len() > 1, "no Postgres");
    ends_well(dev, &directory, Signal::INT).await;
}

#[tokio::test]
async fn killed_without_warning_it_leaves_no_postgres_and_recovers_with_its_data() {
    let directory = Directory::create();
    let mut dev = Dev::up(directory.path()).await;
    let before = Credentials::read(directory.path());
    let run = start(&before.client(), json_step()).await;
    completed(&before.client(), run).await;
    dev.process.signal(Signal::KILL);
    assert!(!dev.process.ended().await.status.success());
    until("its Postgres has stopped by itself", async || {
        processes_naming(directory.path()).is_empty().then_some(())
    })
    .await;

    let _dev = Dev::up(directory.path()).await;
    let after = Credentials::read(directory.path());
    assert_eq!(after.api_key, before.api_key);
    completed(&after.client(), run).await;
}

#[tokio::test]
async fn started_right_after_a_kill_it_takes_over_from_the_dying_postgres() {
    let directory = Directory::create();
    let mut dev = Dev::up_with_short_leases(directory.path()).await;
    let before = Credentials::read(directory.path());
    let run = start(&before.client(), json_step()).await;
    dev.process.signal(Signal::KILL);
    dev.process.ended().await;

    // Its worker may have claimed the job: then it runs again when that lease has ended.
    let _dev = Dev::up_with_short_leases(directory.path()).await;
    let after = Credentials::read(directory.path());
    completed(&after.client(), run).await;
}

#[tokio::test]
async fn a_second_one_on_the_same_data_says_who_holds_it() {
    let directory = Directory::create();
    let dev = Dev::up(directory.path()).await;
    let before = Credentials::read(directory.path());
    let mut second = Dev::start(directory.path(), "0");
    let line = second.process.ended().await.refused();
    let holder = format!("is in use by process {}", dev.process.id());
    assert!(line.contains(&holder), "{line}");
    assert_eq!(Credentials::read(directory.path()), before);
    let run = start(&before.client(), json_step()).await;
    completed(&before.client(), run).await;
}

#[tokio::test]
async fn a_port_in_use_is_said_in_one_line() {
    let directory = Directory::create();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut dev = Dev::start(directory.path(), &address.port().to_string());
    let line = dev.process.ended().await.refused();
    let complaint = format!("can't listen on {address}");
    assert!(line.contains(&complaint), "{line}");
    assert_eq!(processes_naming(directory.path()), [""; 0]);
}
