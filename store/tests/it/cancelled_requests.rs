//! Requests that are dropped half-way: they must not swallow what the next one writes.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use mobius_store::{Db, DbOptions, Error};
use mobius_test_support::factories::World;
use sqlx::{Connection, PgConnection};

const ROUNDS: i32 = 1_000;

/// Polls the future so many times and drops it, if it is not done by then.
async fn dropped_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// A pool whose every request gets the connection that the one before it has left.
fn one_connection(world: &World) -> Db {
    let options = DbOptions {
        max_connections: 1,
        acquire_timeout: Duration::from_secs(30),
        ..DbOptions::new(world.url())
    };
    Db::new(&options).unwrap()
}

async fn insert(connection: &mut PgConnection, n: i32) -> Result<(), Error> {
    sqlx::query("insert into marks values ($1)")
        .bind(n)
        .execute(connection)
        .await?;
    Ok(())
}

/// A request that writes in a transaction of its own making.
async fn write_by_hand(db: &Db, n: i32) -> Result<(), Error> {
    let mut connection = db.acquire().await?;
    let mut transaction = connection.begin().await?;
    insert(&mut transaction, n).await?;
    transaction.commit().await?;
    Ok(())
}

async fn outside(world: &World) -> PgConnection {
    let mut connection = PgConnection::connect(world.url()).await.unwrap();
    sqlx::raw_sql("create table if not exists marks (n int primary key)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn sees(connection: &mut PgConnection, n: i32) -> bool {
    sqlx::query_scalar("select exists (select from marks where n = $1)")
        .bind(n)
        .fetch_one(connection)
        .await
        .unwrap()
}

async fn open_transactions(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_write_after_a_dropped_request_is_there_for_everybody() {
    let world = World::create().await;
    let db = one_connection(&world);
    let mut outside = outside(&world).await;
    for round in 0..ROUNDS {
        let polls = rand::random_range(0..12);
        dropped_after(polls, write_by_hand(&db, -1 - round)).await;

        insert(&mut db.acquire().await.unwrap(), round)
            .await
            .unwrap();
        assert!(
            sees(&mut outside, round).await,
            "round {round}: a write that was acknowledged is lost after {polls} polls"
        );
    }
    assert_eq!(open_transactions(&mut outside).await, 0);
}

#[tokio::test]
async fn a_write_goes_on_although_its_request_is_dropped() {
    let world = World::create().await;
    let db = one_connection(&world);
    let mut outside = outside(&world).await;
    for round in 1..=ROUNDS {
        let polls = rand::random_range(1..6);
        let write = db.write(move |tx| {
            Box::pin(async move {
                insert(tx, round).await?;
                insert(tx, -round).await
            })
        });
        dropped_after(polls, write).await;
    }
    // The only connection is free again when all of them are through.
    drop(db.acquire().await.unwrap());
    db.write(|tx| Box::pin(insert(tx, 0))).await.unwrap();
    let written: i64 = sqlx::query_scalar("select count(*) from marks")
        .fetch_one(&mut outside)
        .await
        .unwrap();
    assert_eq!(written, i64::from(2 * ROUNDS + 1));
    assert_eq!(open_transactions(&mut outside).await, 0);
}

#[tokio::test]
async fn a_write_that_fails_leaves_nothing() {
    let world = World::create().await;
    let db = one_connection(&world);
    let mut outside = outside(&world).await;
    let failed = db
        .write(|tx| {
            Box::pin(async move {
                insert(tx, 1).await?;
                insert(tx, 1).await
            })
        })
        .await;
    assert!(matches!(failed, Err(Error::Database(_))), "{failed:?}");
    assert!(!sees(&mut outside, 1).await);
    insert(&mut db.acquire().await.unwrap(), 1).await.unwrap();
    assert!(sees(&mut outside, 1).await);
}
