//! The pool: what it lends out works, whatever became of the connection before.

use std::time::Duration;

use futures_util::future::join_all;
use mobius_store::{Db, DbOptions, Error};
use mobius_test_support::{TestCluster, factories::World};
use sqlx::{Connection, PgConnection};

const CONNECTIONS: u32 = 3;

/// A pool with all its connections open and idle.
async fn warm(url: &str) -> Db {
    let options = DbOptions {
        max_connections: CONNECTIONS,
        ..DbOptions::new(url)
    };
    let db = Db::new(&options).unwrap();
    let lent = join_all((0..CONNECTIONS).map(|_| db.acquire())).await;
    assert!(lent.iter().all(Result::is_ok));
    drop(lent);
    db
}

#[tokio::test]
async fn after_a_restart_of_postgres_no_request_gets_a_dead_connection() {
    let server = TestCluster::start().await;
    let db = warm(server.url()).await;
    server.postgres().restart_immediately().await.unwrap();
    let ping = async |tx: &mut PgConnection| -> Result<(), Error> {
        sqlx::query("select 1").execute(tx).await?;
        Ok(())
    };
    db.write(move |tx| Box::pin(ping(tx))).await.unwrap();
    let lent = join_all((0..CONNECTIONS).map(|_| db.acquire())).await;
    assert!(lent.iter().all(Result::is_ok));
    drop(lent);
    db.read(|connection| Box::pin(ping(connection)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_write_that_panics_leaves_no_lock_behind() {
    let world = World::create().await;
    let mut outside = PgConnection::connect(world.url()).await.unwrap();
    sqlx::raw_sql("create table marks (n int primary key); insert into marks values (1)")
        .execute(&mut outside)
        .await
        .unwrap();
    let db = warm(world.url()).await;
    let panics = db.clone();
    let panicked = tokio::spawn(async move {
        let write = panics.write(|tx| {
            Box::pin(async move {
                sqlx::query("select from marks for update")
                    .execute(tx)
                    .await?;
                panic!("a mistake of ours");
                #[expect(unreachable_code, reason = "tells the type")]
                Ok(())
            })
        });
        write.await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    let needs_it = db.write(|tx| {
        Box::pin(async move {
            sqlx::query("update marks set n = 2").execute(tx).await?;
            Ok(())
        })
    });
    let written = tokio::time::timeout(Duration::from_secs(5), needs_it).await;
    assert!(matches!(written, Ok(Ok(()))), "{written:?}");
}
