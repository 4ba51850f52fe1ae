//! What exists in the emulated Azure at the beginning: a vault that is permitted everywhere, servers, a Key Vault.

use azure_emulator::{Datasource, Grant, Identity, KeyVault, Policy, SoftDelete, Vault, World};
use uuid::Uuid;

use super::{POLICIES, id};

pub const SUBSCRIPTION: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50";

/// The vault.
pub const VAULT: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault";

/// The resource group of the servers.
pub const SERVERS: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/data-rg";

/// The Key Vault.
pub const KEY_VAULT: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/secrets-rg/providers/Microsoft.KeyVault/vaults/team-kv";

/// The secret with the login to the Single Server.
pub const SECRET_URI: &str = "https://team-kv.vault.azure.net/secrets/ossdbkey";

/// The vault's system-assigned identity.
pub const VAULT_PRINCIPAL: Uuid = Uuid::from_u128(0x11b8_8e3d_4e2c_4d3a_9d0e_3d7c_3f0a_9a01);

const REGION: &str = "westeurope";

/// The id of a flexible server; every one called `{anything}-db` or named in the inventory exists.
pub fn server_id(name: &str) -> String {
    format!("{SERVERS}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}")
}

pub fn policy(name: &str) -> Policy {
    let datasource_types =
        ["Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.DBforPostgreSQL/servers/databases"].map(str::to_owned);
    Policy { name: name.to_owned(), datasource_types: datasource_types.to_vec(), policy_rules: None }
}

pub fn world() -> World {
    let identity = Identity { principal_id: VAULT_PRINCIPAL, client_id: Uuid::from_u128(0xa5) };
    let vault = Vault {
        id: id(VAULT),
        location: REGION.to_owned(),
        identity: Some(identity),
        user_assigned_identities: Vec::new(),
        soft_delete: SoftDelete::default(),
        policies: POLICIES.map(policy).to_vec(),
    };
    let database = format!("{SERVERS}/providers/Microsoft.DBforPostgreSQL/servers/legacy/databases/empdb11");
    let servers = ["orders", "billing"].map(str::to_owned).into_iter();
    let fleet = (0..20).map(|number| format!("fleet-{number:02}"));
    let datasources = servers.chain(fleet).map(|name| server_id(&name)).chain([database]);
    let datasource = |resource: String| Datasource { id: id(&resource), location: REGION.to_owned() };
    let key_vault = KeyVault {
        id: id(KEY_VAULT),
        host: "team-kv.vault.azure.net".to_owned(),
        secrets: vec!["ossdbkey".to_owned()],
    };
    let grant = |scope: &str| Grant { principal_id: VAULT_PRINCIPAL, scope: id(scope) };
    World {
        tenant_id: Uuid::from_u128(0x7e),
        vaults: vec![vault],
        datasources: datasources.map(datasource).collect(),
        key_vaults: vec![key_vault],
        grants: vec![grant(SERVERS), grant(KEY_VAULT)],
        ..World::default()
    }
}
