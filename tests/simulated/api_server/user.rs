//! What people and tests do with the API server. Objects are named by their `name`, or as `namespace/name` where they are in
//! another namespace than most.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupSpec, Reason};
use serde_json::{Value, json};

use super::resource::{self, Key};
use super::store::{Author, Change, Edit, Write};
use super::{ApiServer, NAMESPACE};

impl ApiServer {
    /// `kubectl create`.
    pub fn create(&self, object: &PostgresBackup) {
        self.create_raw(serde_json::to_value(object).unwrap());
    }

    /// `kubectl create` of an object that some other version of the CustomResourceDefinition let in.
    pub fn create_raw(&self, mut object: Value) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or(NAMESPACE).to_owned();
        object["metadata"]["namespace"] = json!(namespace);
        let key = (namespace, object["metadata"]["name"].as_str().unwrap().to_owned());
        assert!(self.store().get(&key).is_none(), "{key:?} exists");
        self.ensure_namespace(&key.0);
        let uid = self.store().next_uid();
        let created = resource::created(object, uid, self.time.now());
        self.commit(&key, created, Author::User, Edit::Created);
    }

    /// `kubectl edit`.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut PostgresBackupSpec)) {
        self.update(name, |object| {
            let mut spec = serde_json::from_value(object["spec"].take()).unwrap();
            change(&mut spec);
            object["spec"] = serde_json::to_value(spec).unwrap();
        });
    }

    /// `kubectl edit` of what some other version of the CustomResourceDefinition lets in.
    pub fn amend_raw(&self, name: &str, change: impl FnOnce(&mut Value)) {
        self.update(name, change);
    }

    /// `kubectl annotate --overwrite`.
    pub fn annotate(&self, name: &str, annotation: &str, value: &str) {
        self.update(name, |object| object["metadata"]["annotations"][annotation] = json!(value));
    }

    /// `kubectl annotate`, with a minus sign after the annotation.
    pub fn unannotate(&self, name: &str, annotation: &str) {
        self.update(name, |object| {
            object["metadata"]["annotations"].as_object_mut().expect("there are annotations").remove(annotation);
        });
    }

    /// Puts somebody else's finalizer on.
    pub fn hold(&self, name: &str, finalizer: &str) {
        self.update(name, |object| {
            let mut finalizers = resource::finalizers(object);
            finalizers.push(finalizer.to_owned());
            object["metadata"]["finalizers"] = json!(finalizers);
        });
    }

    /// Takes all finalizers off, as people do who have lost patience.
    pub fn strip(&self, name: &str) {
        self.update(name, |object| object["metadata"]["finalizers"] = json!([]));
    }

    /// `kubectl edit --subresource=status`, by somebody who may.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let key = key(name);
        let mut object = self.stored(&key).expect("what is tampered with exists");
        change(&mut object["status"]);
        self.commit(&key, object, Author::User, Edit::Status);
    }

    /// `kubectl delete --wait=false`.
    pub fn delete(&self, name: &str) {
        let key = key(name);
        let object = self.stored(&key).expect("what is deleted exists");
        self.commit(&key, resource::terminating(object, self.time.now()), Author::User, Edit::Deleted);
    }

    /// `kubectl get`.
    pub fn get(&self, name: &str) -> Option<PostgresBackup> {
        self.store().get(&key(name)).cloned().map(|object| serde_json::from_value(object).unwrap())
    }

    /// `kubectl get --all-namespaces`.
    pub fn all(&self) -> Vec<PostgresBackup> {
        let store = self.store();
        store.objects().values().map(|object| serde_json::from_value(object.clone()).unwrap()).collect()
    }

    /// Every version that was the present one at some time since `since`, of the objects that are as wanted. Of an object
    /// that goes, the last one is how it was when it went.
    pub fn versions_since(&self, since: Duration, wanted: impl Fn(&Value) -> bool) -> Vec<PostgresBackup> {
        let store = self.store();
        let (mut known, mut versions) = (HashSet::new(), Vec::new());
        for write in store.writes().iter().rev().filter(|write| wanted(&write.object)) {
            let uid = write.object["metadata"]["uid"].as_str().unwrap();
            let is_recent = write.at >= since;
            if is_recent || (known.insert(uid) && !write.goes()) {
                versions.push(write.typed());
            }
        }
        versions
    }

    /// Every write of every object of this name, oldest first.
    pub fn history(&self, name: &str) -> Vec<Write> {
        self.store().writes().iter().filter(|write| write.object["metadata"]["name"] == name).cloned().collect()
    }

    /// Every write of every PostgresBackup, oldest first.
    pub fn writes(&self) -> Vec<Write> {
        self.store().writes().to_vec()
    }

    /// The events, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.store().events().to_vec()
    }

    /// The notes of the events with a reason, oldest first.
    pub fn told(&self, reason: Reason) -> Vec<String> {
        let events = self.events().into_iter().filter(|event| event.reason.as_deref() == Some(reason.as_str()));
        events.filter_map(|event| event.note).collect()
    }

    /// Tells everyone who watches every change of an object once more, the oldest first, as a watch does that has fallen
    /// back behind what it had told already.
    pub fn repeat_changes(&self, name: &str) {
        let is_meant = |change: &Change| change.object["metadata"]["name"] == name && !change.repeated;
        let changes: Vec<_> = self.store().log().iter().filter(|change| is_meant(change)).cloned().collect();
        changes.into_iter().for_each(|change| self.store().repeat(change));
        self.announce();
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let key = key(name);
        let old = self.stored(&key).expect("what is edited exists");
        let mut new = old.clone();
        change(&mut new);
        let new = resource::updated(&old, new, name).expect("the edit is allowed");
        self.commit(&key, new, Author::User, Edit::Edited);
    }
}

/// The key of `name`, or of `namespace/name`.
fn key(name: &str) -> Key {
    let (namespace, name) = name.split_once('/').unwrap_or((NAMESPACE, name));
    (namespace.to_owned(), name.to_owned())
}
