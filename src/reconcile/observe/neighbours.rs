//! The other `PostgresBackup`s of the cluster: who else is about the same backup instance, and does its owner still exist?

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource, ResourceExt};

use crate::api::v1alpha1::OperationKind;
use crate::api::{Mode, PostgresBackup, annotations};
use crate::error_chain;
use crate::reconcile::authorize::authority::Authority;
use crate::reconcile::naming;
use crate::reconcile::stored::Stored;
use crate::reconcile::validate::{Key, Target};

/// Whose a backup instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It carries this object's owner tag, or the api-version shows no tags.
    Ours,
    /// Nobody's, or its owner has given it up: it may be taken.
    Free,
    /// Another's, with this owner tag.
    Others(String),
}

/// Another object of the same cluster that is about the same database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// `namespace/name`.
    pub name: String,
    /// Whether it is about the same backup instance, not only about the same database.
    pub same_instance: bool,
    /// Whether its status says that it has taken the backup instance into its care.
    pub has_taken_over: bool,
}

/// Looks at the other objects of the cluster.
pub struct Neighbours {
    client: Client,
    cluster_name: String,
    authority: Arc<Authority>,
    store: OnceLock<Store<Stored>>,
}

impl Neighbours {
    /// Knows nobody until it is shown the store of watched objects.
    #[must_use]
    pub fn new(client: Client, cluster_name: String, authority: Arc<Authority>) -> Self {
        Self { client, cluster_name, authority, store: OnceLock::new() }
    }

    /// Takes the store of watched objects, the first time that it is shown one.
    pub fn watch(&self, store: Store<Stored>) {
        if self.store.set(store).is_err() {
            tracing::debug!("The store of watched objects was set before");
        }
    }

    /// Whether an object is still among the watched ones; a later one of the same name is another object.
    #[must_use]
    pub fn watches(&self, stored: &Stored) -> bool {
        let known = self.store.get().and_then(|store| store.get(&ObjectRef::from_obj(stored)));
        known.is_some_and(|known| known.uid() == stored.uid())
    }

    /// The uids of the watched objects.
    #[must_use]
    pub fn uids(&self) -> HashSet<String> {
        let stored = self.store.get().map(Store::state).unwrap_or_default();
        stored.iter().filter_map(|stored| stored.uid()).collect()
    }

    /// The object that acts in the place of this one: the oldest live one about the same backup instance or database.
    #[must_use]
    pub fn elder(&self, object: &PostgresBackup, target: &Target) -> Option<Rival> {
        let rivals = self.rivals(object, target);
        let elders = rivals.into_iter().filter(|(rival, _)| by_age(&**rival, object) == Ordering::Less);
        elders.min_by(|(a, _), (b, _)| by_age(&**a, &**b)).map(|(_, rival)| rival)
    }

    /// The live object that takes over the backup instance of this deleted one.
    #[must_use]
    pub fn successor(&self, object: &PostgresBackup, target: &Target) -> Option<Rival> {
        let same_instance = self.rivals(object, target).into_iter().filter(|(_, rival)| rival.same_instance);
        same_instance.min_by(|(a, _), (b, _)| by_age(&**a, &**b)).map(|(_, rival)| rival)
    }

    /// The objects, by uid, whose backup instance is being deleted, as their status records it.
    #[must_use]
    pub fn being_deleted(&self) -> Vec<String> {
        let stored = self.store.get().map(Store::state).unwrap_or_default();
        let objects = stored.iter().filter_map(|stored| stored.0.as_ref().ok());
        objects.filter(|object| deletes(object)).filter_map(ResourceExt::uid).collect()
    }

    /// Whose the backup instance with this owner tag is, for an object that has no elder: it may be taken from nobody, from
    /// whom the object names, from a younger rival, and from an owner that has given it up.
    pub async fn claim(&self, object: &PostgresBackup, target: &Target, owner: Option<&str>) -> Claim {
        let Some(owner) = owner else { return Claim::Free };
        if owner == target.owner.value {
            return Claim::Ours;
        }
        let of_rival = |(rival, _): &(Arc<Stored>, Rival)| {
            let namespace = rival.namespace().unwrap_or_default();
            naming::owner_tag(&self.cluster_name, &namespace, &rival.name_any()).value == owner
        };
        let yields = annotations::takes_over_from(object, owner)
            || self.rivals(object, target).iter().any(of_rival)
            || self.has_given_up(owner, target).await;
        if yields { Claim::Free } else { Claim::Others(owner.to_owned()) }
    }

    /// Whether the object that an owner tag of this cluster names has given up the backup instance: it does not exist any
    /// more, is being deleted, or is about something else. What cannot be read counts as existing.
    async fn has_given_up(&self, owner: &str, target: &Target) -> bool {
        let Some((namespace, name)) = self.object_of(owner) else { return false };
        let api: Api<Stored> = Api::namespaced(self.client.clone(), namespace);
        match api.get_opt(name).await {
            Ok(None) => true,
            Ok(Some(DeserializeGuard(Ok(object)))) => {
                !is_live(&object) || self.target_of(&object).is_some_and(|other| other.instance != target.instance)
            }
            Ok(Some(DeserializeGuard(Err(_)))) => false,
            Err(error) => {
                let error = error_chain::one_line(&error);
                tracing::warn!(
                    owner,
                    error,
                    "Could not look for the owner of the backup instance; it counts as existing"
                );
                false
            }
        }
    }

    /// The namespace and name in an owner tag of this cluster; nothing for another cluster's, or where only a hash stands.
    fn object_of<'a>(&self, owner: &'a str) -> Option<(&'a str, &'a str)> {
        owner.strip_prefix(self.cluster_name.as_str())?.strip_prefix('/')?.split_once('/')
    }

    fn rivals(&self, object: &PostgresBackup, target: &Target) -> Vec<(Arc<Stored>, Rival)> {
        let Some(store) = self.store.get() else { return Vec::new() };
        let others = store.state().into_iter().filter(|stored| stored.uid() != object.uid());
        others
            .filter_map(|stored| Some((Arc::clone(&stored), self.rival(stored.0.as_ref().ok()?, object, target)?)))
            .collect()
    }

    fn rival(&self, other: &PostgresBackup, object: &PostgresBackup, target: &Target) -> Option<Rival> {
        if !is_live(other) || !other.spec.vault.resource_id.eq_ignore_ascii_case(&object.spec.vault.resource_id) {
            return None;
        }
        // Most objects differ in their database; only a name that was given can make them meet all the same.
        let same_database = other.spec.database.resource_id.eq_ignore_ascii_case(&object.spec.database.resource_id);
        let named = other.spec.backup_instance_name.is_some() || object.spec.backup_instance_name.is_some();
        if !same_database && !named {
            return None;
        }
        let same_instance = self.target_of(other)?.instance == target.instance;
        // Whoever may not use the database has no claim to it either, and must not be able to hold others up.
        if !(same_database || same_instance) || !self.authority.permits(other) {
            return None;
        }
        let name = format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any());
        Some(Rival { name, same_instance, has_taken_over: cares_for_instance(other) })
    }

    fn target_of(&self, object: &PostgresBackup) -> Option<Target> {
        Target::parse(object, &Key::of(object).ok()?, &self.cluster_name).ok()
    }
}

/// Whether status records that the object's backup instance is being deleted.
fn deletes(object: &PostgresBackup) -> bool {
    let operation = object.status.as_ref().and_then(|status| status.operation.as_ref());
    operation.is_some_and(|operation| operation.kind == OperationKind::Delete)
}

/// Whether status says, of the specification as it is, that Azure has accepted the object's backup instance.
fn cares_for_instance(object: &PostgresBackup) -> bool {
    object.status.as_ref().is_some_and(|status| {
        Some(status.observed_generation) == object.meta().generation && status.has_accepted_instance()
    })
}

/// Whether an object lays claim to its backup instance.
fn is_live(object: &PostgresBackup) -> bool {
    object.meta().deletion_timestamp.is_none() && object.spec.mode == Mode::Enforce
}

/// The order in which objects come to act: the older one first, and of two made in the same second the one whose name
/// comes first.
fn by_age<A, B>(a: &A, b: &B) -> Ordering
where
    A: ResourceExt,
    B: ResourceExt,
{
    let age = |time: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| time.map(|time| time.0);
    let created = age(a.creation_timestamp()).cmp(&age(b.creation_timestamp()));
    created.then_with(|| (a.namespace(), a.name_any()).cmp(&(b.namespace(), b.name_any())))
}

#[cfg(test)]
mod tests;
