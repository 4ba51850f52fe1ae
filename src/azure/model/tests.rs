#![allow(clippy::unwrap_used, clippy::expect_used)]

mod deleted;
mod instance;
mod merge;
mod request;
mod vault;

use super::*;
use crate::azure::id::{BackupInstanceName, DatasourceId, DatasourceKind, VaultId};
use crate::azure::version::ApiVersion;
use serde_json::{Value, json};

const ARTICLE: &str = include_str!("../../../tests/vectors/azure/article-2021-01-01.md");
const FLEXIBLE: &str = include_str!("../../../tests/vectors/azure/flexible-server.json");
const SINGLE: &str = include_str!("../../../tests/vectors/azure/single-server.json");
const CHANGE: &str = include_str!("../../../tests/vectors/azure/change-policy.json");
const VAULT: &str = include_str!("../../../tests/vectors/azure/vault-and-delete.json");

/// The bodies of the requests or answers of a recording, for one method and the last segment of the path.
fn recorded(recording: &str, side: &str, method: &str, segment: &str) -> Vec<Value> {
    let recording: Value = serde_json::from_str(recording).unwrap();
    let interactions = recording["interactions"].as_array().unwrap().iter();
    interactions
        .filter(|exchange| exchange["request"]["method"] == method)
        .filter(|exchange| {
            let url = exchange["request"]["url"].as_str().unwrap();
            url.split('?').next().unwrap().rsplit('/').nth(usize::from(segment == "backupInstances")) == Some(segment)
        })
        .map(|exchange| exchange[side]["body"].clone())
        .collect()
}

fn owner() -> OwnerTag {
    OwnerTag { name: "pgbackup-owner".to_owned(), value: "cluster/shop/orders".to_owned() }
}

fn vault() -> VaultId {
    "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/backup/providers/Microsoft.DataProtection/\
     backupVaults/team-vault"
        .parse()
        .unwrap()
}

fn flexible() -> InstanceRequest {
    InstanceRequest {
        friendly_name: "orders".to_owned(),
        datasource: DatasourceId::parse(
            "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/shop/providers/\
             Microsoft.DBforPostgreSQL/flexibleServers/orders",
        )
        .unwrap(),
        location: "westeurope".to_owned(),
        policy: vault().policy(&"weekly".parse().unwrap()),
        secret: None,
        identity: None,
        owner: owner(),
    }
}
