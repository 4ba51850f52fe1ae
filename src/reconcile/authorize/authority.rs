//! Knows the grants and namespaces of the cluster as last seen, and what every object is permitted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use k8s_openapi::api::core::v1::Namespace as ClusterNamespace;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use tokio::sync::Notify;

use super::asked::{Namespace, Request};
use super::grant::Grant;
use super::{Denial, authorize};
use crate::api::PostgresBackup;
use crate::api::grant::PostgresBackupGrant;
use crate::azure::Permit;
use crate::reconcile::settings::Settings;
use crate::reconcile::stored::Stored;
use crate::reconcile::validate::{Desired, Key, Target};

/// A grant as the API server stores it, or why it cannot be read: one that cannot must not stop the watch of the others.
pub type StoredGrant = DeserializeGuard<PostgresBackupGrant>;

/// A namespace as far as it is watched.
pub type NamespaceMeta = PartialObjectMeta<ClusterNamespace>;

/// What is decided about an object.
pub type Decision = Result<Permit, Denial>;

/// Decides what objects are permitted, by the grants and namespaces as last seen. Knows none until it is shown some, and then
/// permits nothing.
pub struct Authority {
    settings: Settings,
    grants: RwLock<Arc<[Grant]>>,
    namespaces: OnceLock<Store<NamespaceMeta>>,
    decisions: Mutex<HashMap<String, Decision>>,
    changed: Notify,
}

impl Authority {
    /// Permits nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let grants = RwLock::new(Arc::from([]));
        let (namespaces, decisions, changed) = Default::default();
        Self { settings, grants, namespaces, decisions, changed }
    }

    /// Takes the store of watched namespaces, the first time that it is shown one.
    pub fn watch(&self, namespaces: Store<NamespaceMeta>) {
        if self.namespaces.set(namespaces).is_err() {
            tracing::debug!("The store of watched namespaces was set before");
        }
    }

    /// Takes the grants as they now are. One that is being deleted grants nothing any more.
    pub fn replace_grants(&self, stored: &[Arc<StoredGrant>]) {
        let readable = stored.iter().filter_map(|stored| stored.0.as_ref().ok());
        let live = readable.filter(|grant| grant.meta().deletion_timestamp.is_none());
        let grants = live.map(|grant| Grant::parse(grant, &self.settings.service_account)).collect();
        *self.grants.write().unwrap_or_else(PoisonError::into_inner) = grants;
        self.changed.notify_one();
    }

    /// The grants as last seen.
    #[must_use]
    pub fn grants(&self) -> Arc<[Grant]> {
        Arc::clone(&self.grants.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Decides about a request from a namespace.
    ///
    /// # Errors
    /// Why it is not permitted.
    pub fn decide(&self, namespace: &str, request: &Request) -> Decision {
        let labels = self.labels(namespace);
        authorize(request, Namespace { name: namespace, labels: labels.as_ref() }, &self.grants())
    }

    /// Decides about an object as it is; nothing if it asks for nothing that could be understood.
    #[must_use]
    pub fn decide_about(&self, object: &PostgresBackup) -> Option<Decision> {
        let key = Key::of(object).ok()?;
        let target = Target::parse(object, &key, &self.settings.cluster_name).ok()?;
        let request = if object.meta().deletion_timestamp.is_some() {
            Request::to_delete(object, &target)
        } else {
            Request::to_protect(object, &Desired::parse(object, target, &self.settings.cloud).ok()?)
        };
        Some(self.decide(&key.namespace, &request))
    }

    /// Whether an object is permitted what it asks for. What is not has no say in what becomes of a backup instance.
    #[must_use]
    pub fn permits(&self, object: &PostgresBackup) -> bool {
        matches!(self.decide_about(object), Some(Ok(_)))
    }

    /// Notes what a pass has found decided about an object.
    pub fn note(&self, uid: &str, decision: Decision) {
        let before = self.decisions().insert(uid.to_owned(), decision.clone());
        if before.as_ref() != Some(&decision) {
            self.changed.notify_one();
        }
    }

    /// Forgets what was decided about an object.
    pub fn forget(&self, uid: &str) {
        self.decisions().remove(uid);
    }

    /// Forgets what was decided about the objects that are not among these uids.
    pub fn retain(&self, uids: &HashSet<String>) {
        self.decisions().retain(|uid, _| uids.contains(uid));
    }

    /// The objects about which something else is decided by now than their last passes found.
    #[must_use]
    pub fn outdated(&self, objects: &[Arc<Stored>]) -> Vec<ObjectRef<Stored>> {
        let noted = |object: &PostgresBackup| self.decisions().get(&object.uid()?).cloned();
        let is_outdated = |stored: &&Arc<Stored>| {
            let object = stored.0.as_ref().ok();
            object.is_some_and(|object| noted(object).is_some_and(|noted| Some(noted) != self.decide_about(object)))
        };
        objects.iter().filter(is_outdated).map(|stored| ObjectRef::from_obj(&**stored)).collect()
    }

    /// How many of these objects each grant serves, by its name.
    #[must_use]
    pub fn served(&self, objects: &[Arc<Stored>]) -> HashMap<String, i64> {
        let mut served = HashMap::new();
        let readable = objects.iter().filter_map(|stored| stored.0.as_ref().ok());
        for permit in readable.filter_map(|object| self.decide_about(object)?.ok()) {
            *served.entry(permit.source().to_owned()).or_default() += 1;
        }
        served
    }

    /// Waits until the grants, or what is decided about an object, may have changed since this was last waited for.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Says that what is decided about an object may have changed.
    pub fn announce(&self) {
        self.changed.notify_one();
    }

    fn labels(&self, namespace: &str) -> Option<BTreeMap<String, String>> {
        let found = self.namespaces.get()?.get(&ObjectRef::new(namespace))?;
        Some(found.labels().clone())
    }

    fn decisions(&self) -> MutexGuard<'_, HashMap<String, Decision>> {
        // A map is whole after every operation on it, so a panic elsewhere does not spoil it.
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
