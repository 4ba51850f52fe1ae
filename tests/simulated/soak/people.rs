//! What people do to the objects.

use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, annotations};
use serde_json::json;

use super::chaos::{Chaos, LATER, NAMES};
use crate::judge::instance_name;
use crate::samples;

impl Chaos {
    pub(super) fn person(&mut self) {
        let name = self.one_of(&NAMES);
        let Some(object) = self.world.kubernetes.get(name) else {
            self.tell(format!("a person creates {name}"));
            let object = if name == "empdb11" { samples::single(name) } else { samples::flexible(name) };
            let object = self.as_wished(object);
            return self.world.kubernetes.create(&object);
        };
        if object.metadata.deletion_timestamp.is_none() && self.random.usize(..8) == 0 {
            self.tell(format!("a person deletes {name}"));
            return self.world.kubernetes.delete(name);
        }
        if self.random.usize(..6) == 0 {
            return self.meddle_with(name);
        }
        if self.random.usize(..6) == 0 {
            let (annotation, value) = match self.random.usize(..4) {
                _ if annotations::is_paused(&object) => (annotations::PAUSED, "false".to_owned()),
                0 => (annotations::PAUSED, "true".to_owned()),
                1 => (annotations::ALLOW_IRREVERSIBLE_DELETE, instance_name(&object.spec).unwrap()),
                _ => (annotations::RECONCILE_REQUESTED_AT, self.random.u64(..).to_string()),
            };
            self.tell(format!("a person annotates {name} with {annotation}={value}"));
            return self.world.kubernetes.annotate(name, annotation, &value);
        }
        let wished = self.as_wished(object).spec;
        self.tell(format!(
            "a person edits {name}: {} {:?} {} {:?}",
            wished.policy.name, wished.mode, wished.protection, wished.deletion_policy
        ));
        self.world.kubernetes.edit(name, |spec| *spec = wished);
    }

    /// The object with a field or two changed.
    fn as_wished(&mut self, mut object: PostgresBackup) -> PostgresBackup {
        let spec = &mut object.spec;
        match self.random.usize(..6) {
            0 | 1 => spec.policy.name = self.one_of(&["weekly", "daily", LATER]).to_owned(),
            2 | 3 => spec.protection = self.one_of(&[Protection::Active, Protection::Suspended, Protection::Stopped]),
            4 => {
                let policies = [DeletionPolicy::Delete, DeletionPolicy::StopProtection, DeletionPolicy::Retain];
                spec.deletion_policy = self.one_of(&policies);
            }
            _ => {
                spec.mode =
                    self.one_of(&[Mode::Enforce, Mode::Enforce, Mode::Enforce, Mode::Observe, Mode::ValidateOnly])
            }
        }
        object
    }

    /// What people should not do.
    fn meddle_with(&mut self, name: &str) {
        let object = self.world.kubernetes.get(name).expect("whom they meddle with exists");
        let kubernetes = self.world.kubernetes.clone();
        let what = match self.random.usize(..6) {
            0 => {
                kubernetes.strip(name);
                "takes the finalizers off"
            }
            1 if object.metadata.deletion_timestamp.is_none() => {
                kubernetes.strip(name);
                kubernetes.delete(name);
                let mut another = PostgresBackup::new(name, object.spec);
                another.metadata.namespace = object.metadata.namespace;
                kubernetes.create(&another);
                "replaces"
            }
            2 => {
                kubernetes.tamper(name, |status| *status = json!({ "observedGeneration": -1 }));
                "empties the status of"
            }
            3 => {
                let path = format!("{}-of-another/operationStatus/7", object.spec.vault.resource_id);
                kubernetes.tamper(name, |status| {
                    status["operation"] = json!({
                        "kind": "Delete", "requestHash": "0000", "startedAt": "2026-11-02T08:00:00Z", "path": path,
                    });
                });
                "forges an operation of"
            }
            _ => {
                let before = object.spec.policy.name.clone();
                kubernetes.edit(name, |spec| spec.policy.name = LATER.to_owned());
                kubernetes.edit(name, |spec| spec.policy.name = before);
                "changes to and fro"
            }
        };
        self.tell(format!("a person {what} {name}"));
    }
}
