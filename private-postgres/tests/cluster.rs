//! Private clusters against the real Postgres of the machine: their life, and above all their end.
//!
//! Each test has a cluster of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mobius_private_postgres::{Cluster, Error, Options};
use sqlx::{Connection, PgConnection};

async fn execute(cluster: &Cluster, sql: &'static str) {
    let mut connection = PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn count(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("select count(*) from t")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// A directory that every account can get to, or none but our own.
fn directory(mode: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
    dir
}

fn open_directory() -> tempfile::TempDir {
    directory(0o755)
}

fn server_pid(data: &Path) -> u32 {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

fn parent_of(pid: u32) -> u32 {
    let output = Command::new("ps")
        .args(["-o", "ppid=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn kill(pid: u32) {
    assert!(
        Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// A process that has ended and that nobody has asked about yet is not alive.
fn alive(pid: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        // sleeps: another process has no way to tell us.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process of this very test binary that starts a cluster, prints its URL, and holds it.
fn holder(data_dir: &Path, kind: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_cluster_is_held_for_another_test",
            "--ignored",
            "--nocapture",
        ])
        .env("HELD_DATA_DIR", data_dir)
        .env("HELD_KIND", kind)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let url = lines
        .filter_map(|line| Some(line.split_once("url=")?.1.to_owned()))
        .next()
        .unwrap();
    (child, url)
}

#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn a_cluster_is_held_for_another_test() {
    let data_dir = PathBuf::from(std::env::var("HELD_DATA_DIR").unwrap());
    let options = match std::env::var("HELD_KIND").unwrap().as_str() {
        "durable" => Options::durable(data_dir),
        _ => Options {
            data_dir,
            ..Options::throwaway()
        },
    };
    let cluster = Cluster::start(options).await.unwrap();
    execute(&cluster, "create table t (n int); insert into t values (1)").await;
    println!("url={}", cluster.url("postgres"));
    std::io::stdin().read_line(&mut String::new()).unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_cluster_accepts_connections_and_stops() {
    let options = Options::throwaway();
    let data_dir = options.data_dir.clone();
    let cluster = Cluster::start(options).await.unwrap();
    execute(&cluster, "select 1").await;
    let pid = server_pid(&data_dir.join("postgres/data"));
    cluster.stop().await.unwrap();
    assert!(!alive(pid));
    assert!(!data_dir.exists());
}

#[tokio::test]
async fn a_dropped_cluster_stops_and_is_deleted() {
    let options = Options::throwaway();
    let data_dir = options.data_dir.clone();
    drop(Cluster::start(options).await.unwrap());
    wait_until("the directory is gone", || !data_dir.exists());
}

#[tokio::test]
async fn committed_work_survives_stop_and_start() {
    let dir = open_directory();
    let data_dir = dir.path().join("state");
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    execute(&cluster, "create table t (n int); insert into t values (1)").await;
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    assert_eq!(count(&cluster.url("postgres")).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn committed_work_survives_an_immediate_restart_under_the_same_url() {
    let cluster = Cluster::start(Options::throwaway()).await.unwrap();
    let url = cluster.url("postgres");
    execute(&cluster, "create table t (n int); insert into t values (1)").await;
    cluster.restart_immediately().await.unwrap();
    assert_eq!(count(&url).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_halted_cluster_refuses_connections_until_it_is_resumed() {
    let cluster = Cluster::start(Options::throwaway()).await.unwrap();
    cluster.halt().await.unwrap();
    assert!(
        PgConnection::connect(&cluster.url("postgres"))
            .await
            .is_err()
    );
    cluster.resume().await.unwrap();
    execute(&cluster, "select 1").await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_recovers() {
    let options = Options::throwaway();
    let data = options.data_dir.join("postgres/data");
    let cluster = Cluster::start(options).await.unwrap();
    execute(&cluster, "create table t (n int); insert into t values (1)").await;
    kill(server_pid(&data));
    cluster.restart_immediately().await.unwrap();
    assert_eq!(count(&cluster.url("postgres")).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_names_the_process_that_holds_the_directory() {
    let options = Options::throwaway();
    let cluster = Cluster::start(options.clone()).await.unwrap();
    let error = Cluster::start(options).await.unwrap_err();
    assert!(matches!(&error, Error::InUse { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    cluster.stop().await.unwrap();
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    let data_dir = Options::throwaway().data_dir;
    let (mut holder, _) = holder(&data_dir, "throwaway");
    let server = server_pid(&data_dir.join("postgres/data"));
    let supervisor = parent_of(server);
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until("the server has stopped", || !alive(server));
    wait_until("its supervisor has ended", || !alive(supervisor));
    assert!(!data_dir.exists());
}

#[tokio::test]
async fn a_server_that_lost_its_owner_and_supervisor_is_replaced() {
    let dir = open_directory();
    let data_dir = dir.path().join("state");
    let (mut holder, _) = holder(&data_dir, "durable");
    let server = server_pid(&data_dir.join("postgres/data"));
    kill(parent_of(server));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(alive(server));
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    assert!(!alive(server));
    assert_eq!(count(&cluster.url("postgres")).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_start_right_after_a_kill_waits_for_the_old_server() {
    let dir = open_directory();
    let data_dir = dir.path().join("state");
    let (mut holder, _) = holder(&data_dir, "durable");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    assert_eq!(count(&cluster.url("postgres")).await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_process_id_that_now_is_somebody_elses_does_not_block_a_start() {
    let dir = open_directory();
    let data_dir = dir.path().join("state");
    Cluster::start(Options::durable(&data_dir))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    let pid_file = data_dir.join("postgres/data/postmaster.pid");
    let lines = format!(
        "{}\n{}\n0\n5432\n/\n\n0 0\nready\n",
        std::process::id(),
        data_dir.display()
    );
    fs::write(&pid_file, lines).unwrap();
    fs::set_permissions(&pid_file, fs::Permissions::from_mode(0o644)).unwrap();
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    execute(&cluster, "select 1").await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_or_unusual_data_directory_still_gets_a_socket() {
    let data_dir = Options::throwaway()
        .data_dir
        .join("an odd, long 'name'".repeat(8));
    let parent = data_dir.parent().unwrap().to_owned();
    fs::create_dir(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
    let options = Options {
        data_dir,
        ..Options::throwaway()
    };
    let cluster = Cluster::start(options).await.unwrap();
    execute(&cluster, "select 1").await;
    cluster.stop().await.unwrap();
    fs::remove_dir(&parent).unwrap();
}

#[tokio::test]
async fn a_directory_that_the_server_cannot_reach_is_replaced_by_one_that_it_can() {
    let dir = directory(0o700);
    let data_dir = dir.path().join("state");
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    execute(&cluster, "create table t (n int); insert into t values (1)").await;
    cluster.stop().await.unwrap();
    let cluster = Cluster::start(Options::durable(&data_dir)).await.unwrap();
    assert_eq!(count(&cluster.url("postgres")).await, 1);
    cluster.stop().await.unwrap();
    // Only root runs the server as somebody else, so only then the data lies elsewhere.
    let elsewhere = fs::read_to_string(data_dir.join("location"));
    assert_eq!(
        elsewhere.is_ok(),
        fs::metadata(&data_dir).unwrap().uid() == 0
    );
    if let Ok(elsewhere) = elsewhere {
        assert!(Path::new(&elsewhere).join("data/PG_VERSION").exists());
        fs::remove_dir_all(elsewhere).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_does_not_start_shows_the_end_of_its_log() {
    let dir = open_directory();
    let data_dir = dir.path().join("state");
    Cluster::start(Options::durable(&data_dir))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
    fs::write(
        data_dir.join("postgres/data/postgresql.conf"),
        "no_such_setting = on\n",
    )
    .unwrap();
    let error = Cluster::start(Options::durable(&data_dir))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn a_directory_without_binaries_is_named_in_the_error() {
    let empty = open_directory();
    let bin_dir = Some(empty.path().to_owned());
    let options = Options {
        bin_dir,
        ..Options::throwaway()
    };
    let data_dir = options.data_dir.clone();
    let error = Cluster::start(options).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotInDirectory { dir, .. } if dir == empty.path()),
        "{error}"
    );
    assert!(!data_dir.exists());
}
