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
    inspectors: Arc<Mutex<Vec<Inspector>>>,
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

/// Looks at everything that the operator writes to an object, before and after: everything that is wrong with it.
type Inspector = Box<dyn Fn(&PostgresBackup, &PostgresBackup, Edit) -> Vec<String> + Send>;

#[derive(Default)]
struct Watches {
    /// Ends the streams that are open.
    end: CancellationToken,
    /// Ends the streams that are open with the word that the changes they would go on with are forgotten.
    expire: CancellationToken,
    /// Whether streams keep changes to themselves.
    held: bool,
    /// How long the log was when those who list and watch were last told something new.
    horizon: Option<usize>,
}

impl ApiServer {
    pub fn new(wire: Wire, time: Time) -> Self {
        let (store, grants, namespaces, leases, watches, inspectors) = Default::default();
        Self { wire, time, store, grants, namespaces, leases, changes: signal::Sender::new(0), watches, inspectors }
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

    /// Has everything that the operator writes to an object from now on looked at. Whatever is wrong with it fails the
    /// test.
    pub fn inspect(&self, inspector: impl Fn(&PostgresBackup, &PostgresBackup, Edit) -> Vec<String> + Send + 'static) {
        self.inspectors.lock().unwrap().push(Box::new(inspector));
    }

    /// Has nobody look at anything any more.
    pub fn dismiss(&self) {
        self.inspectors.lock().unwrap().clear();
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

    /// Forgets the changes until now, and tells those who watch to list anew: what has come and gone in between, they never
    /// see.
    pub fn expire_watches(&self) {
        self.store().compact();
        std::mem::take(&mut self.watches.lock().unwrap().expire).cancel();
    }

    /// Lets those who list and watch see nothing newer than what there is now, as an API server does that has fallen behind
    /// etcd, until it catches up. What is written goes to etcd, and a single object is read from there.
    pub fn fall_behind(&self) {
        let horizon = self.store().log().len();
        self.watches.lock().unwrap().horizon.get_or_insert(horizon);
    }

    /// Ends that.
    pub fn catch_up(&self) {
        self.watches.lock().unwrap().horizon = None;
        self.announce();
    }

    /// How much of the log of a collection is to be seen.
    fn horizon(&self, what: Collection) -> Option<usize> {
        self.watches.lock().unwrap().horizon.filter(|_| what == Collection::Backups)
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
