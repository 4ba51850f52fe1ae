//! Grants and namespaces: what administrators do with them, and what the operator writes to a grant.

use std::collections::BTreeMap;

use postgres_backup_operator::api::{PostgresBackupGrant, PostgresBackupGrantSpec};
use serde_json::{Value, json};

use super::resource::{self, Key, Refusal};
use super::store::{Author, Edit};
use super::{ApiServer, Collection};

impl ApiServer {
    /// `kubectl apply` of a grant.
    pub fn grant(&self, grant: &PostgresBackupGrant) {
        let name = grant.metadata.name.as_deref().expect("the grant has a name");
        let mut object = serde_json::to_value(grant).unwrap();
        let old = self.collection(Collection::Grants).get(&key(name)).cloned();
        let object = match old {
            Some(old) => {
                object["metadata"] = old["metadata"].clone();
                resource::updated(&old, object, name).unwrap()
            }
            None => resource::created(object, format!("grant-{name}"), self.time.now()),
        };
        self.put(Collection::Grants, name, object, Author::User, Edit::Edited);
    }

    /// `kubectl edit` of a grant.
    pub fn edit_grant(&self, name: &str, change: impl FnOnce(&mut PostgresBackupGrantSpec)) {
        let mut grant = self.get_grant(name).expect("the grant exists");
        change(&mut grant.spec);
        self.grant(&grant);
    }

    /// `kubectl delete` of a grant.
    pub fn revoke(&self, name: &str) {
        let object = self.collection(Collection::Grants).get(&key(name)).cloned().expect("the grant exists");
        let object = resource::terminating(object, self.time.now());
        self.put(Collection::Grants, name, object, Author::User, Edit::Deleted);
    }

    /// `kubectl get` of a grant.
    pub fn get_grant(&self, name: &str) -> Option<PostgresBackupGrant> {
        let found = self.collection(Collection::Grants).get(&key(name)).cloned();
        found.map(|object| serde_json::from_value(object).unwrap())
    }

    /// How often the operator has written to a grant.
    pub fn grant_writes(&self, name: &str) -> usize {
        let store = self.collection(Collection::Grants);
        let is_meant = |object: &Value| object["metadata"]["name"] == name;
        store.writes().iter().filter(|write| write.author == Author::Operator && is_meant(&write.object)).count()
    }

    /// A namespace with these labels besides the one that every namespace has.
    pub fn label_namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let own = [("kubernetes.io/metadata.name", name)];
        let labels: BTreeMap<_, _> = own.iter().chain(labels).copied().collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "uid": format!("namespace-{name}"), "labels": labels },
        });
        self.put(Collection::Namespaces, name, object, Author::User, Edit::Edited);
    }

    /// Makes sure that a namespace exists.
    pub(super) fn ensure_namespace(&self, name: &str) {
        if self.collection(Collection::Namespaces).get(&key(name)).is_none() {
            self.label_namespace(name, &[]);
        }
    }

    pub(super) fn tell_grant(&self, name: &str, applied: &Value) -> Result<Value, Refusal> {
        let old = self.collection(Collection::Grants).get(&key(name)).cloned();
        let mut object = old.ok_or_else(|| Refusal::not_found(name))?;
        object["status"] = applied["status"].clone();
        Ok(self.put(Collection::Grants, name, object, Author::Operator, Edit::Status))
    }

    fn put(&self, collection: Collection, name: &str, object: Value, author: Author, edit: Edit) -> Value {
        let stored = self.collection(collection).commit(self.time.elapsed(), &key(name), object, author, edit);
        self.announce();
        stored
    }
}

/// What has no namespace.
fn key(name: &str) -> Key {
    (String::new(), name.to_owned())
}
