//! What exists in the emulated Azure at the beginning: a vault that is permitted everywhere, servers, a Key Vault.

use std::sync::LazyLock;

use azure_emulator::{Datasource, KeyVault, Policy, UserAssignedIdentity, Vault, World};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::POLICIES;

/// The vault.
pub const VAULT: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault";

/// The resource group of the servers.
pub const SERVERS: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/data-rg";

/// The article's database of a Single Server.
pub const DATABASE: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/servers/legacy/databases/empdb11";

/// The Key Vault.
pub const KEY_VAULT: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/secrets-rg/providers/Microsoft.KeyVault/vaults/team-kv";

/// A user-assigned identity that the vault does not have at the beginning.
pub const USER_ASSIGNED: &str = "/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/resourceGroups/backup-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup";

/// Its principal.
pub const USER_PRINCIPAL: Uuid = Uuid::from_u128(0x22b8_8e3d_4e2c_4d3a_9d0e_3d7c_3f0a_9a02);

/// The secret with the login to the Single Server.
pub const SECRET_URI: &str = "https://team-kv.vault.azure.net/secrets/ossdbkey";

/// The vault's system-assigned identity.
pub const VAULT_PRINCIPAL: Uuid = Uuid::from_u128(0x11b8_8e3d_4e2c_4d3a_9d0e_3d7c_3f0a_9a01);

const REGION: &str = "westeurope";

/// The id of a flexible server. `orders`, `billing` and `fleet-00` to `fleet-99` exist.
pub fn server_id(name: &str) -> String {
    format!("{SERVERS}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}")
}

/// A policy that protects every kind of PostgreSQL database.
pub fn policy(name: &str) -> Policy {
    let kinds = ["Microsoft.DBforPostgreSQL/flexibleServers", "Microsoft.DBforPostgreSQL/servers/databases"];
    seed(json!({ "name": name, "datasourceTypes": kinds }))
}

/// A flexible server or a database.
pub fn datasource(id: &str) -> Datasource {
    seed(json!({ "id": id, "location": REGION }))
}

/// The Key Vault with the secret in it.
pub fn key_vault() -> KeyVault {
    seed(json!({ "id": KEY_VAULT, "host": "team-kv.vault.azure.net", "secrets": ["ossdbkey"] }))
}

/// The vault, with soft delete as a new vault has it.
pub fn vault() -> Vault {
    seed(json!({
        "id": VAULT,
        "location": REGION,
        "identity": { "principalId": VAULT_PRINCIPAL, "clientId": Uuid::from_u128(0xa5) },
        "policies": POLICIES.map(policy),
    }))
}

pub fn user_assigned(identity: &str) -> UserAssignedIdentity {
    seed(json!({ "id": identity, "principalId": USER_PRINCIPAL, "clientId": Uuid::from_u128(0xa6) }))
}

/// Everything, read once: thousands of simulations begin with it.
pub fn world() -> World {
    static WORLD: LazyLock<World> = LazyLock::new(read_world);
    WORLD.clone()
}

fn read_world() -> World {
    let servers = ["orders", "billing"].map(str::to_owned).into_iter();
    let fleet = (0..100).map(|number| format!("fleet-{number:02}"));
    let datasources: Vec<_> = servers.chain(fleet).map(|name| server_id(&name)).chain([DATABASE.to_owned()]).collect();
    let grant = |scope: &str| json!({ "principalId": VAULT_PRINCIPAL, "scope": scope });
    seed(json!({
        "tenantId": Uuid::from_u128(0x7e),
        "vaults": [vault()],
        "datasources": datasources.iter().map(|id| datasource(id)).collect::<Vec<_>>(),
        "keyVaults": [key_vault()],
        "grants": [grant(SERVERS), grant(KEY_VAULT)],
    }))
}

/// What the emulator's seed files say in JSON.
fn seed<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).expect("the inventory has the format of a seed file")
}
