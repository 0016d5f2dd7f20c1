//! Keys: who a key is, and when it is nobody.

use std::time::Duration;

use mobius_store::{
    clock,
    keys::{self, Credential, NewKey, SecretKey},
    projects,
};
use mobius_test_support::factories::{Tenant, World};

fn new_key(tenant: &Tenant) -> NewKey {
    NewKey {
        org: tenant.org,
        project: None,
        user: tenant.user,
        name: "a key".to_owned(),
        permissions: vec!["mobius.run.read".to_owned()],
        expires_at: None,
    }
}

async fn create(tenant: &Tenant, new: NewKey) -> SecretKey {
    let mut connection = tenant.connection().await;
    keys::create(&mut connection, new).await.unwrap()
}

async fn authenticate(tenant: &Tenant, key: &SecretKey) -> Option<Credential> {
    let mut connection = tenant.connection().await;
    keys::authenticate(&mut connection, key.hash())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_key_opens_what_it_was_made_for() {
    let world = World::create().await;
    let tenant = world.tenant();
    let pinned = NewKey {
        project: Some(tenant.project),
        ..new_key(tenant)
    };
    let key = create(tenant, pinned).await;
    // As a client would send it.
    let key = SecretKey::parse(key.expose()).unwrap();
    let credential = authenticate(tenant, &key).await.unwrap();
    assert_eq!(credential.org, tenant.org);
    assert_eq!(credential.project, Some(tenant.project));
    assert_eq!(credential.user, tenant.user);
    assert_eq!(credential.key_name, "a key");
    assert_eq!(credential.permissions, ["mobius.run.read"]);
}

#[tokio::test]
async fn a_key_that_was_never_made_opens_nothing() {
    let world = World::create().await;
    let invented = SecretKey::generate();
    assert!(authenticate(world.tenant(), &invented).await.is_none());
}

#[tokio::test]
async fn a_key_opens_nothing_after_its_time() {
    let world = World::create().await;
    let tenant = world.tenant();
    let now = clock::now(&mut *tenant.connection().await).await.unwrap();
    let hour = Duration::from_secs(3_600);
    let limited = NewKey {
        expires_at: Some(now + hour),
        ..new_key(tenant)
    };
    let key = create(tenant, limited).await;
    tenant.advance_clock(hour / 2).await;
    assert!(authenticate(tenant, &key).await.is_some());
    tenant.advance_clock(hour / 2).await;
    assert!(authenticate(tenant, &key).await.is_none());
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_can_not_be_revoked_by_strangers() {
    let world = World::create().await;
    let tenant = world.tenant();
    let key = create(tenant, new_key(tenant)).await;
    let other = create(tenant, new_key(tenant)).await;
    let mut connection = tenant.connection().await;
    let stranger = mobius_types::OrgId::generate();
    assert!(
        !keys::revoke(&mut connection, stranger, key.hash())
            .await
            .unwrap()
    );
    assert!(authenticate(tenant, &key).await.is_some());

    assert!(
        keys::revoke(&mut connection, tenant.org, key.hash())
            .await
            .unwrap()
    );
    assert!(
        !keys::revoke(&mut connection, tenant.org, key.hash())
            .await
            .unwrap()
    );
    assert!(authenticate(tenant, &key).await.is_none());
    assert!(authenticate(tenant, &other).await.is_some());
}

#[tokio::test]
async fn a_key_that_is_pinned_to_a_deleted_project_opens_nothing() {
    let world = World::create().await;
    let tenant = world.tenant();
    let project = tenant.another_project("doomed").await.project;
    let pinned = NewKey {
        project: Some(project),
        ..new_key(tenant)
    };
    let key = create(tenant, pinned).await;
    let free = create(tenant, new_key(tenant)).await;
    let mut connection = tenant.connection().await;
    projects::delete(&mut connection, tenant.org, project)
        .await
        .unwrap();
    assert!(authenticate(tenant, &key).await.is_none());
    assert!(authenticate(tenant, &free).await.is_some());
}

#[tokio::test]
async fn what_is_stored_of_a_key_does_not_open_anything() {
    let world = World::create().await;
    let tenant = world.tenant();
    let key = create(tenant, new_key(tenant)).await;
    let found: i64 = sqlx::query_scalar(
        "select count(*) from api_keys k where strpos(k::text, substr($1, 9)) > 0",
    )
    .bind(key.expose())
    .fetch_one(&mut *tenant.connection().await)
    .await
    .unwrap();
    assert_eq!(found, 0, "the key stands in the clear");
}
