//! A server in this process: the product's router on a loopback socket, over a fresh database.

use std::{net::SocketAddr, ops::Deref};

use mobius_api::{App, Limits};
use mobius_store::{Settings, Store};
use mobius_test_support::factories::{Tenant, World, store_over};
use mobius_types::Permission;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::Caller;

/// One process of the control plane, as far as anybody outside can tell.
pub(crate) struct Replica {
    /// The project `default`, beneath HTTP.
    pub(crate) tenant: Tenant,
    /// The parts that are served.
    pub(crate) app: App,
    /// A caller without a key.
    pub(crate) anybody: Caller,
    /// A caller with an owner's key.
    pub(crate) owner: Caller,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl Replica {
    /// Serves on a free port.
    pub(crate) async fn serve(tenant: Tenant) -> Replica {
        Self::serve_with(tenant, Limits::default()).await
    }

    /// The same with other sizes of requests.
    pub(crate) async fn serve_with(tenant: Tenant, limits: Limits) -> Replica {
        let app = App::with_limits(tenant.store.clone(), limits);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(mobius_api::serve(app.clone(), listener, stop.clone()));
        let anybody = Caller::new(format!("http://{address}"));
        Replica {
            owner: anybody.with_key(&tenant.key),
            anybody,
            tenant,
            app,
            address,
            stop,
            served,
        }
    }

    /// A caller whose key has these permissions and no more.
    pub(crate) async fn caller_with(&self, permissions: &[Permission]) -> Caller {
        let key = self.tenant.new_key(|key| {
            let names = permissions.iter().map(|granted| granted.as_str());
            key.permissions = names.map(str::to_owned).collect();
        });
        self.anybody.with_key(&key.await)
    }

    /// A caller whose key may do everything, in this project alone.
    pub(crate) async fn caller_pinned_to(&self, tenant: &Tenant) -> Caller {
        let key = tenant.new_key(|key| key.project = Some(tenant.project));
        self.anybody.with_key(&key.await)
    }

    /// Tells the server to stop, as a signal would, without waiting for it.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(mut self) {
        (&mut self.served).await.unwrap().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A server over a database of its own.
pub(crate) struct TestServer {
    replica: Replica,
    /// Dropped last, because dropping it ends all connections.
    world: World,
}

impl TestServer {
    pub(crate) async fn start() -> TestServer {
        Self::start_with(Limits::default()).await
    }

    /// The same with other limits.
    pub(crate) async fn start_with(limits: Limits) -> TestServer {
        let world = World::create().await;
        TestServer {
            replica: Replica::serve_with(world.tenant().clone(), limits).await,
            world,
        }
    }

    /// The project as a process has it that serves nothing and rings at nobody.
    pub(crate) fn silent_replica(&self) -> Tenant {
        self.world.replica()
    }

    /// Another replica over the same database.
    pub(crate) async fn another_replica(&self) -> Replica {
        self.another_replica_with(Limits::default()).await
    }

    /// The same with other sizes of requests.
    pub(crate) async fn another_replica_with(&self, limits: Limits) -> Replica {
        let store: Store = store_over(self.world.url(), Settings::default());
        Replica::serve_with(self.tenant.on(store), limits).await
    }
}

impl Deref for TestServer {
    type Target = Replica;

    fn deref(&self) -> &Replica {
        &self.replica
    }
}
