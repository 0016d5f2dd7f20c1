//! Who else there is: another organisation on the same server, other people, other keys.

use mobius_store::{
    keys::{self, NewKey, SecretKey},
    projects::{self, NewProject},
};
use mobius_types::{OrgId, UserId};

use crate::factories::Tenant;

impl Tenant {
    /// Another organisation with an owner, a key, and a project whose handle is `default` too.
    pub async fn stranger(&self) -> Tenant {
        let (org, user) = (OrgId::generate(), UserId::generate());
        let mut connection = self.connection().await;
        sqlx::query(
            "with org as (
                 insert into orgs (id, name, handle, created_at)
                 values ($1, 'Strangers', 'strangers', mobius_now()) returning id)
             insert into users (id, org_id, name, created_at)
             select $2, id, 'Stranger', mobius_now() from org",
        )
        .bind(org.as_uuid())
        .bind(user.as_uuid())
        .execute(&mut *connection)
        .await
        .expect("a test makes one stranger");
        let new = NewProject {
            name: "Default".to_owned(),
            handle: "default".to_owned(),
            description: None,
        };
        let made = projects::create(&mut connection, org, user, new).await;
        let project = made.expect("the organisation has no project yet").id;
        drop(connection);
        let stranger = Tenant {
            org,
            user,
            project,
            ..self.clone()
        };
        let key = stranger.new_key(|_| {}).await;
        Tenant { key, ..stranger }
    }

    /// Another person of the organisation.
    pub async fn colleague(&self) -> UserId {
        let user = UserId::generate();
        sqlx::query(
            "insert into users (id, org_id, name, created_at)
             values ($1, $2, 'Colleague', mobius_now())",
        )
        .bind(user.as_uuid())
        .bind(self.org.as_uuid())
        .execute(&mut *self.connection().await)
        .await
        .expect("an organisation may have many people");
        user
    }

    /// A new key of the owner. It may do everything in the organisation unless `change` says
    /// otherwise.
    pub async fn new_key(&self, change: impl FnOnce(&mut NewKey)) -> SecretKey {
        let mut new = NewKey {
            org: self.org,
            project: None,
            user: self.user,
            name: "test".to_owned(),
            permissions: vec!["mobius.*".to_owned()],
            expires_at: None,
        };
        change(&mut new);
        let made = keys::create(&mut *self.connection().await, new).await;
        made.expect("a key can always be made")
    }
}
