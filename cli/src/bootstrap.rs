//! `mobius bootstrap`: the first organisation, project and key of a server.

use mobius_store::{Db, DbOptions, bootstrap};
use serde_json::json;

use crate::{args::BootstrapArguments, server::DatabaseContext};

/// Makes what is missing and prints a new owner's key, for the only time.
pub(crate) async fn run(arguments: BootstrapArguments) -> anyhow::Result<()> {
    let db = Db::new(&DbOptions::new(arguments.database.database_url)).database()?;
    let made = make(&db, arguments.name).await?;
    db.close().await;
    println!(
        "{:#}",
        json!({ "project": bootstrap::DEFAULT_HANDLE, "api_key": made.key.expose() })
    );
    Ok(())
}

/// The same for the commands that need a key of their own.
pub(crate) async fn make(db: &Db, key_name: String) -> anyhow::Result<bootstrap::Bootstrap> {
    db.write(move |tx| Box::pin(async move { bootstrap::bootstrap(tx, &key_name).await }))
        .await
        .database()
}
