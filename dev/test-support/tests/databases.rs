//! What tests may expect of their databases.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mobius_test_support::{TestCluster, TestDatabase};
use sqlx::{Connection, PgConnection};

async fn tables_named_mine(url: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let sql = "select count(*) from pg_tables where tablename = 'mine'";
    sqlx::query_scalar(sql)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

async fn create_table_mine(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("create table mine (n int)")
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn two_databases_do_not_see_each_other() {
    let (one, other) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    create_table_mine(one.url()).await;
    assert_eq!(tables_named_mine(one.url()).await, 1);
    assert_eq!(tables_named_mine(other.url()).await, 0);
}

#[tokio::test]
async fn a_database_is_gone_after_its_test_even_with_connections_open() {
    let database = TestDatabase::create().await;
    let url = database.url().to_owned();
    let _open = PgConnection::connect(&url).await.unwrap();
    drop(database);
    let error = PgConnection::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[tokio::test]
async fn a_database_is_migrated() {
    let database = TestDatabase::create().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let sql = "select to_regclass('_sqlx_migrations') is not null";
    let migrated: bool = sqlx::query_scalar(sql)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(migrated);
}

#[tokio::test]
async fn a_cluster_of_its_own_can_be_restarted() {
    let cluster = TestCluster::start().await;
    create_table_mine(cluster.url()).await;
    cluster.postgres().restart_immediately().await.unwrap();
    assert_eq!(tables_named_mine(cluster.url()).await, 1);
}

/// Each runs in a runtime of its own, but in one process and on one server.
#[test]
fn databases_outlive_the_runtime_that_started_the_server() {
    for _ in 0..2 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let database = TestDatabase::create().await;
            assert_eq!(tables_named_mine(database.url()).await, 0);
        });
    }
}
