//! Names that must come out the same after every restart: the backup instance's and its owner's.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::azure::{BackupInstanceName, DatasourceId, OwnerTag, ParseNameError, VaultId};

/// The tag on a backup instance that says which `PostgresBackup` it belongs to. (Azure's tag names allow no `/`.)
pub const OWNER_TAG: &str = "pgbackup-owner";

/// Longest value of an Azure tag.
const MAX_TAG_VALUE: usize = 256;

/// Longest part of a derived name: server-database-uuid then stays within 120 characters.
const MAX_NAME_PART: usize = 40;

/// The namespace of the version 5 UUIDs in derived names. It must never change: names would.
const NAME_SPACE: Uuid = Uuid::from_u128(0x6f0b_5a52_7c1e_4d8a_9f53_2a3c_8e11_d470);

/// The owner tag of the object `namespace/name` in the cluster `cluster`: `{cluster}/{namespace}/{name}`, or a hash of it
/// where that is too long for a tag.
#[must_use]
pub fn owner_tag(cluster: &str, namespace: &str, name: &str) -> OwnerTag {
    let plain = format!("{cluster}/{namespace}/{name}");
    let value = if plain.len() <= MAX_TAG_VALUE {
        plain
    } else {
        let hash = Sha256::digest(plain.as_bytes());
        hash.iter().fold(String::from("sha256:"), |hex, byte| format!("{hex}{byte:02x}"))
    };
    OwnerTag { name: OWNER_TAG.to_owned(), value }
}

/// `{server}-{database or server}-{uuid}`, as Azure's own tools name backup instances, but with a UUID made from the ids
/// of database and vault: a create that is repeated after a crash is the same create.
///
/// # Errors
/// When no letter or digit is left of the server's name, which admission rules out.
pub fn derived_instance_name(datasource: &DatasourceId, vault: &VaultId) -> Result<BackupInstanceName, ParseNameError> {
    let identity = format!("{datasource}\n{vault}").to_lowercase();
    let server = datasource.server_name();
    format!(
        "{}-{}-{}",
        part(server),
        part(datasource.database_name().unwrap_or(server)),
        Uuid::new_v5(&NAME_SPACE, identity.as_bytes()),
    )
    .parse()
}

/// A part of a name: letters, digits and inner `-`, at most 40 of them.
fn part(text: &str) -> String {
    let cleaned: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MAX_NAME_PART).collect();
    let trimmed = cleaned.trim_matches('-');
    if trimmed.is_empty() { "db".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const VAULT: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault";
    const SERVER: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL";

    fn name(database: &str, vault: &str) -> String {
        let datasource = database.parse().unwrap();
        derived_instance_name(&datasource, &vault.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn names_are_readable_and_never_change() {
        let flexible = name(&format!("{SERVER}/flexibleServers/orders"), VAULT);
        assert_eq!(flexible, "orders-orders-320fdfcb-3300-5ad1-b4e4-af3015919b45");
        let database = name(&format!("{SERVER}/servers/legacy/databases/empdb11"), VAULT);
        assert!(database.starts_with("legacy-empdb11-"), "{database}");
    }

    #[test]
    fn names_do_not_depend_on_the_casing_of_ids() {
        let id = format!("{SERVER}/flexibleServers/orders");
        let shouted = id.replace("resourceGroups", "RESOURCEGROUPS").replace("data-rg", "DATA-RG");
        assert_eq!(name(&id, VAULT), name(&shouted, &VAULT.replace("team-vault", "Team-Vault")));
    }

    #[test]
    fn different_databases_and_vaults_get_different_names() {
        let id = format!("{SERVER}/flexibleServers/orders");
        assert_ne!(name(&id, VAULT), name(&id, &VAULT.replace("team-vault", "other-vault")));
        assert_ne!(name(&id, VAULT), name(&id.replace("data-rg", "data2-rg"), VAULT));
    }

    #[test]
    fn long_and_odd_names_stay_within_what_azure_takes() {
        let server = "s".repeat(63);
        let name = name(&format!("{SERVER}/servers/{server}/databases/{}", "_b.c".repeat(12)), VAULT);
        assert!(name.len() <= 120, "{} characters", name.len());
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
    }

    #[test]
    fn an_owner_that_is_too_long_for_a_tag_is_hashed() {
        assert_eq!(owner_tag("c1", "shop", "orders").value, "c1/shop/orders");
        let long = owner_tag(&"c".repeat(200), "shop", &"n".repeat(100));
        assert!(long.value.starts_with("sha256:") && long.value.len() <= MAX_TAG_VALUE, "{long:?}");
        assert_ne!(long, owner_tag(&"c".repeat(200), "shop", &"m".repeat(100)));
    }
}
