//! The objects of a scenario, and the Azure in which they can be protected.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ObjectMeta;
use serde_json::{Value, json};
use test_support::azure_emulator::{
    Client, Datasource, Grant, Identity, InvalidResourceId, Journaling, Policy, ResourceId, Settings, SoftDelete,
    Throttling, Vault, World,
};
use uuid::Uuid;

use crate::options::Limits;

/// The Entra tenant.
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x2222_2222_2222_4222_8222_2222_2222_2222);
/// Client id of the operator's identity.
pub(crate) const OPERATOR: Uuid = Uuid::from_u128(0x4444_4444_4444_4444_8444_4444_4444_4444);
/// Client id of this program, whose requests count against limits of their own.
pub(crate) const BENCH: Uuid = Uuid::from_u128(0x5555_5555_5555_4555_8555_5555_5555_5555);

/// Over how many namespaces objects are spread.
const NAMESPACES: usize = 10;
const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";
const SERVER_TYPE: &str = "Microsoft.DBforPostgreSQL/flexibleServers";
const REGION: &str = "westeurope";
const POLICY: &str = "weekly";

/// Whether the vaults' identities are permitted on the servers from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Granted,
    Withheld,
}

/// So many flexible servers, to be protected in so many vaults of one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    pub(crate) objects: usize,
    pub(crate) vaults: usize,
}

impl Fleet {
    /// The namespaces of the objects.
    pub(crate) fn namespaces(self) -> Vec<Namespace> {
        let named = |number| ObjectMeta { name: Some(namespace(number)), ..ObjectMeta::default() };
        (0..NAMESPACES).map(|number| Namespace { metadata: named(number), ..Namespace::default() }).collect()
    }

    /// The PostgresBackupGrant that lets all of them use the subscription.
    pub(crate) fn permission(self) -> Value {
        let names: Vec<String> = (0..NAMESPACES).map(namespace).collect();
        json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackupGrant", "metadata": { "name": "bench" },
            "spec": { "namespaces": { "names": names }, "vaults": [SUBSCRIPTION], "databases": [SUBSCRIPTION] },
        })
    }

    /// Namespace and name of an object.
    pub(crate) fn key(self, number: usize) -> (String, String) {
        (namespace(number / self.vaults % NAMESPACES), format!("db-{number:05}"))
    }

    /// The number of the vault of the object with this name.
    pub(crate) fn vault_of(self, name: &str) -> Option<usize> {
        Some(name.strip_prefix("db-")?.parse::<usize>().ok()? % self.vaults)
    }

    /// A PostgresBackup.
    pub(crate) fn manifest(self, number: usize) -> Value {
        let (namespace, name) = self.key(number);
        json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": { "namespace": namespace, "name": name },
            "spec": {
                "database": { "resourceId": server(number) },
                "vault": { "resourceId": vault(number % self.vaults) },
                "policy": { "name": POLICY },
            },
        })
    }

    /// The requests to the emulator's `grants` that permit every vault's identity on every server.
    pub(crate) fn grants(self) -> Vec<Value> {
        (0..self.vaults).map(|number| json!({ "vault": vault(number), "scope": servers() })).collect()
    }

    /// What exists in Azure.
    pub(crate) fn world(self, access: Access, limits: Limits, journal: Journaling) -> Result<World, InvalidResourceId> {
        let vaults: Vec<Vault> = (0..self.vaults)
            .map(|number| {
                let policy = Policy {
                    name: POLICY.to_owned(),
                    datasource_types: vec![SERVER_TYPE.to_owned()],
                    policy_rules: None,
                };
                Ok(Vault {
                    id: ResourceId::parse(&vault(number))?,
                    location: REGION.to_owned(),
                    identity: Some(identity(number)),
                    user_assigned_identities: Vec::new(),
                    soft_delete: SoftDelete::default(),
                    policies: vec![policy],
                })
            })
            .collect::<Result<_, _>>()?;
        let datasources = (0..self.objects)
            .map(|number| Ok(Datasource { id: ResourceId::parse(&server(number))?, location: REGION.to_owned() }))
            .collect::<Result<_, _>>()?;
        let scope = ResourceId::parse(&servers())?;
        let granted = if access == Access::Granted { self.vaults } else { 0 };
        let client = |client_id| Client { client_id, client_secret: None };
        Ok(World {
            tenant_id: TENANT,
            clients: vec![client(OPERATOR), client(BENCH)],
            vaults,
            datasources,
            grants: (0..granted)
                .map(|number| Grant { principal_id: identity(number).principal_id, scope: scope.clone() })
                .collect(),
            settings: Settings {
                throttling: match limits {
                    Limits::Off => Throttling::Off,
                    Limits::Arm => Throttling::TokenBuckets,
                },
                journal,
                ..Settings::default()
            },
            ..World::default()
        })
    }
}

/// ARM id of a vault.
pub(crate) fn vault(number: usize) -> String {
    format!(
        "{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/{}",
        vault_name(number)
    )
}

/// Name of a vault; no name is part of another one.
pub(crate) fn vault_name(number: usize) -> String {
    format!("vault-{number:04}")
}

fn servers() -> String {
    format!("{SUBSCRIPTION}/resourceGroups/data-rg")
}

/// ARM id of a server.
pub(crate) fn server(number: usize) -> String {
    format!("{}/providers/{SERVER_TYPE}/db-{number:05}", servers())
}

fn namespace(number: usize) -> String {
    format!("bench-{number}")
}

fn identity(vault: usize) -> Identity {
    let id = |kind: u128| Uuid::from_u128((kind << 96) | vault as u128);
    Identity { principal_id: id(0x3333_3333), client_id: id(0x6666_6666) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_object_has_a_database_a_vault_and_a_namespace_of_the_world() {
        let fleet = Fleet { objects: 25, vaults: 10 };
        let world = fleet.world(Access::Granted, Limits::Off, Journaling::Off).unwrap();
        let namespaces: Vec<_> =
            fleet.namespaces().into_iter().filter_map(|namespace| namespace.metadata.name).collect();
        for number in 0..fleet.objects {
            let manifest = fleet.manifest(number);
            let id = |part: &str| ResourceId::parse(manifest["spec"][part]["resourceId"].as_str().unwrap()).unwrap();
            let vault = world.vault(&id("vault")).unwrap();
            let (namespace, name) = fleet.key(number);
            assert!(world.permits(vault.identity.unwrap().principal_id, &id("database")));
            assert!(world.datasource(&id("database")).is_some() && namespaces.contains(&namespace));
            assert!(vault.id.as_str().ends_with(&vault_name(fleet.vault_of(&name).unwrap())));
        }
    }
}
