//! A fake Kubernetes API server: as much of it as the operator uses, and what it does of that as the real one does.
//!
//! - `service` takes requests apart and words the answers; a request it does not know fails the test,
//! - `store` holds the objects, their versions and the history of all writes,
//! - `resource` has the rules that every write obeys: generation, deletion, finalizers, defaults,
//! - `permissions` are the grants and namespaces, which tests change,
//! - `writes` are JSON patch and the server-side apply of a status,
//! - `watch` streams changes,
//! - `leases` are the Leases that replicas take turns by.
//!
//! What is left out: managed fields of other managers, admission and schema validation (the ring of tests with a real API
//! server has them), and bookmarks.

mod leases;
mod permissions;
mod resource;
mod service;
mod store;
mod user;
mod watch;
mod writes;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kube::Client;
use postgres_backup_operator::api::PostgresBackup;
use tokio::sync::watch as signal;
use tokio_util::sync::CancellationToken;

pub use store::{Author, Edit};

use crate::time::Time;
use crate::wire::Wire;
use store::Store;

/// The namespace that tests work in.
pub const NAMESPACE: &str = "shop";

/// The UID of the namespace kube-system, which names the cluster.
pub const CLUSTER_UID: &str = "0c5a1d1e-77aa-4f0c-9d57-5a4f5f0e6f11";

/// How long a request takes.
const LATENCY: Duration = Duration::from_millis(4);

/// The API server. Clones are the same one.
#[derive(Clone)]
pub struct ApiServer {
    wire: Wire,
    time: Time,
    store: Arc<Mutex<Store>>,
    grants: Arc<Mutex<Store>>,
    namespaces: Arc<Mutex<Store>>,
    leases: Arc<Mutex<Store>>,
    changes: signal::Sender<usize>,
    watches: Arc<Mutex<Watches>>,
    inspector: Arc<Mutex<Option<Inspector>>>,
}

/// What is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Collection {
    Backups,
    Grants,
    Namespaces,
}

impl Collection {
    /// apiVersion and kind of its objects.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Backups => ("pgbackup.dev/v1alpha1", "PostgresBackup"),
            Self::Grants => ("pgbackup.dev/v1alpha1", "PostgresBackupGrant"),
            Self::Namespaces => ("v1", "Namespace"),
        }
    }
}
/// Looks at every status that the operator writes, over the object as it was before: everything that is wrong with it.
type Inspector = Box<dyn Fn(&PostgresBackup, &PostgresBackup) -> Vec<String> + Send>;

#[derive(Default)]
struct Watches {
    /// Ends the streams that are open.
    end: CancellationToken,
    /// Whether streams keep changes to themselves.
    held: bool,
}

impl ApiServer {
    pub fn new(wire: Wire, time: Time) -> Self {
        let (store, grants, namespaces, leases, watches, inspector) = Default::default();
        Self { wire, time, store, grants, namespaces, leases, changes: signal::Sender::new(0), watches, inspector }
    }

    /// The same API server at the other end of another wire.
    pub fn on(&self, wire: Wire) -> Self {
        Self { wire, ..self.clone() }
    }

    /// A client of it, as the operator uses one.
    pub fn client(&self) -> Client {
        let server = self.clone();
        Client::new(tower::service_fn(move |request| service::serve(server.clone(), request)), "default")
    }

    /// Tells whenever something was stored.
    pub fn changes(&self) -> signal::Receiver<usize> {
        self.changes.subscribe()
    }

    /// Has every status that the operator writes from now on looked at. Whatever is wrong with one fails the test.
    pub fn inspect(&self, inspector: impl Fn(&PostgresBackup, &PostgresBackup) -> Vec<String> + Send + 'static) {
        *self.inspector.lock().unwrap() = Some(Box::new(inspector));
    }

    /// Keeps changes back from those who watch, as a slow API server does, until they are let through again.
    pub fn hold_watches(&self, held: bool) {
        self.watches.lock().unwrap().held = held;
        self.announce();
    }

    /// Ends all watches, as an API server that restarts does.
    pub fn end_watches(&self) {
        std::mem::take(&mut self.watches.lock().unwrap().end).cancel();
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    fn collection(&self, collection: Collection) -> MutexGuard<'_, Store> {
        match collection {
            Collection::Backups => self.store(),
            Collection::Grants => self.grants.lock().unwrap(),
            Collection::Namespaces => self.namespaces.lock().unwrap(),
        }
    }

    fn announce(&self) {
        self.changes.send_replace(self.store().log().len());
    }
}
