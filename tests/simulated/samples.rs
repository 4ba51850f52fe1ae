//! The objects that tests work with.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use postgres_backup_operator::api::grant::{NamespacesSpec, PostgresBackupGrant, PostgresBackupGrantSpec};
use postgres_backup_operator::api::v1alpha1::{
    DatabaseSpec, DeletionPolicy, KeyVaultSecretSpec, Mode, PolicySpec, PostgresBackup, PostgresBackupSpec, Protection,
    VaultSpec,
};

use crate::azure::{DATABASE, SECRET_URI, VAULT, server_id};

/// Protects the flexible server of the same name under the policy `weekly`.
pub fn flexible(name: &str) -> PostgresBackup {
    PostgresBackup::new(name, spec(server_id(name)))
}

/// Protects the flexible server `server` from an object of another name.
pub fn flexible_as(name: &str, server: &str) -> PostgresBackup {
    PostgresBackup::new(name, spec(server_id(server)))
}

/// Protects the article's database of a Single Server, whose login is in a Key Vault.
pub fn single(name: &str) -> PostgresBackup {
    let mut object = PostgresBackup::new(name, spec(DATABASE.to_owned()));
    object.spec.key_vault_secret = Some(KeyVaultSecretSpec { uri: SECRET_URI.to_owned() });
    object
}

/// An object `orders` for each kind of database.
pub fn both_kinds() -> [PostgresBackup; 2] {
    [flexible("orders"), single("orders")]
}

/// The name of [`everything`].
pub const EVERYTHING: &str = "everything";

/// Lets every namespace use the whole subscription and the Key Vault, as the operator itself.
pub fn everything() -> PostgresBackupGrant {
    let subscription = VAULT.split("/resourceGroups/").next().unwrap().to_owned();
    let every = LabelSelectorRequirement {
        key: "kubernetes.io/metadata.name".to_owned(),
        operator: "Exists".to_owned(),
        values: None,
    };
    let selector = LabelSelector { match_expressions: Some(vec![every]), match_labels: None };
    let spec = PostgresBackupGrantSpec {
        namespaces: NamespacesSpec { names: None, selector: Some(selector) },
        vaults: vec![subscription.clone()],
        databases: vec![subscription],
        key_vaults: vec!["team-kv.vault.azure.net".to_owned()],
        allow_take_over: true,
        ..PostgresBackupGrantSpec::default()
    };
    PostgresBackupGrant::new(EVERYTHING, spec)
}

fn spec(database: String) -> PostgresBackupSpec {
    PostgresBackupSpec {
        database: DatabaseSpec { resource_id: database },
        vault: VaultSpec { resource_id: VAULT.to_owned(), user_assigned_identity: None },
        policy: PolicySpec { name: "weekly".to_owned() },
        key_vault_secret: None,
        backup_instance_name: None,
        mode: Mode::Enforce,
        protection: Protection::Active,
        deletion_policy: DeletionPolicy::Delete,
    }
}
