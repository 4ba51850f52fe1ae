//! Objects and answers that the tests of the stages share.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::authorize::authority::Authority;
use super::brake::BrakeLimit;
use super::observe::observed::Wanted;
use super::settings::Settings;
use super::validate::{Desired, Key, Target};
use crate::api::PostgresBackup;
use crate::azure::{ApiVersion, Cloud, Instance, Vault};

pub const VERSION: ApiVersion = ApiVersion::V2026_03_01;
pub const CLUSTER: &str = "test";
pub const VAULT: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault";
pub const SERVER: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders";

pub fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// Permits everything in the subscription to these namespaces.
pub fn authority(namespaces: &[&str]) -> Arc<Authority> {
    let subscription = VAULT.split("/resourceGroups/").next().unwrap();
    let authority = Authority::new(Settings {
        cluster_name: CLUSTER.to_owned(),
        cloud: Cloud::public(),
        drift_interval: Duration::from_secs(600),
        deadline: Duration::from_secs(1800),
        poll_interval: Duration::from_secs(15),
        brake: BrakeLimit { deletions: 10, window: Duration::from_secs(600) },
        service_account: "postgres-backup".to_owned(),
    });
    let grant = json!({
        "apiVersion": "pgbackup.dev/v1alpha1",
        "kind": "PostgresBackupGrant",
        "metadata": { "name": "everything" },
        "spec": {
            "namespaces": { "names": namespaces }, "vaults": [subscription], "databases": [subscription],
            "allowTakeOver": true,
        },
    });
    authority.replace_grants(&[Arc::new(serde_json::from_value(grant).unwrap())]);
    Arc::new(authority)
}

/// `shop/orders`, with `spec` laid over a flexible server under the policy `weekly`.
pub fn object(spec: Value) -> PostgresBackup {
    let mut object = json!({
        "apiVersion": "pgbackup.dev/v1alpha1",
        "kind": "PostgresBackup",
        "metadata": {
            "namespace": "shop", "name": "orders", "uid": "4b1c", "generation": 1, "resourceVersion": "7",
            "finalizers": [crate::api::FINALIZER],
        },
        "spec": {
            "database": { "resourceId": SERVER },
            "vault": { "resourceId": VAULT },
            "policy": { "name": "weekly" },
        },
    });
    for (field, value) in spec.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

pub fn target(object: &PostgresBackup) -> Target {
    Target::parse(object, &Key::of(object).unwrap(), CLUSTER).unwrap()
}

pub fn desired(object: &PostgresBackup) -> Desired {
    Desired::parse(object, target(object), &Cloud::public()).unwrap()
}

pub fn wanted(desired: &Desired) -> Wanted {
    let vault = Vault::parse(&json!({ "location": "westeurope" })).unwrap();
    let request = desired.request(&vault);
    Wanted { hash: desired.hash(&request, VERSION), request }
}

/// The backup instance that a PUT for `desired` makes, in `state`, with `change` laid over its properties.
pub fn instance(desired: &Desired, state: &str, change: &Value) -> Instance {
    let name = desired.target.instance.name();
    let mut raw = wanted(desired).request.resource(name, VERSION);
    raw["name"] = json!(name.as_str());
    raw["properties"]["currentProtectionState"] = json!(state);
    raw["properties"]["provisioningState"] = json!("Succeeded");
    for (field, value) in change.as_object().unwrap() {
        match field.as_str() {
            "tags" => raw["tags"] = value.clone(),
            field => raw["properties"][field] = value.clone(),
        }
    }
    Instance::parse(raw).unwrap()
}
