//! What exists in the emulated Azure besides backup instances: vaults and policies, databases, Key Vaults, and who
//! is permitted to what. This is also the format of the seed file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::directory::{Client, ManagedIdentity, Principal};
use crate::federation::TokenIssuer;
use crate::id::ResourceId;
use crate::roles::RoleAssignment;
use crate::security::{Immutability, ResourceGuard, SoftDelete, VaultSecurity};
use crate::settings::Settings;

/// The inventory. Its JSON form, described in the README, seeds the emulator and is what `GET /_admin/world` shows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct World {
    /// The Entra tenant that issues tokens.
    pub tenant_id: Uuid,
    /// The applications that may get tokens from the OAuth endpoint, as long as there are no principals.
    pub clients: Vec<Client>,
    /// The managed identity behind the App Service endpoint; none: the endpoint refuses.
    pub managed_identity: Option<ManagedIdentity>,
    /// Who may sign in, once roles decide what a caller may do; see [`World::enforces_roles`].
    pub principals: Vec<Principal>,
    /// What principals may do. Without principals and assignments, every token may do everything.
    pub role_assignments: Vec<RoleAssignment>,
    /// Who signs the tokens that federated credentials trust, such as a Kubernetes API server.
    pub token_issuers: Vec<TokenIssuer>,
    /// Resource groups that exist even without a resource; those of listed resources need not be named.
    pub resource_groups: Vec<ResourceId>,
    /// The Backup vaults.
    pub vaults: Vec<Vault>,
    /// What can be backed up: flexible servers, databases of single servers, other resources.
    pub datasources: Vec<Datasource>,
    /// The Key Vaults.
    pub key_vaults: Vec<KeyVault>,
    /// What vault identities are permitted to.
    pub grants: Vec<Grant>,
    /// Immutability and resource guards of vaults; a vault that is not listed has neither.
    pub vault_security: Vec<VaultSecurity>,
    /// How this Azure behaves where there is a choice.
    pub settings: Settings,
}

/// A Backup vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vault {
    /// The vault's ARM id.
    pub id: ResourceId,
    /// The region, such as `westeurope`.
    pub location: String,
    /// Its system-assigned identity, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Its user-assigned identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_assigned_identities: Vec<UserAssignedIdentity>,
    /// Its soft delete.
    #[serde(default)]
    pub soft_delete: SoftDelete,
    /// Its backup policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
}

/// A service principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// The object id, to which roles are assigned.
    pub principal_id: Uuid,
    /// The client (application) id.
    pub client_id: Uuid,
}

/// A user-assigned identity of a vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserAssignedIdentity {
    /// The identity's ARM id.
    pub id: ResourceId,
    /// The object id, to which roles are assigned.
    pub principal_id: Uuid,
    /// The client (application) id.
    pub client_id: Uuid,
}

/// A backup policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The policy's name.
    pub name: String,
    /// The datasource types it is for.
    pub datasource_types: Vec<String>,
    /// Its `policyRules`. Left out: a weekly full backup, kept for three months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_rules: Option<Vec<Map<String, Value>>>,
}

/// Something that can be backed up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Datasource {
    /// The ARM id: of a flexible server, or of a database of a single server.
    pub id: ResourceId,
    /// The region.
    pub location: String,
}

impl Datasource {
    /// The resource on which the vault's identity needs permission: a database's server, else the resource itself.
    pub(crate) fn permission_scope(&self) -> ResourceId {
        self.id.parent().unwrap_or_else(|| self.id.clone())
    }
}

/// A Key Vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyVault {
    /// The ARM id.
    pub id: ResourceId,
    /// The host of its secrets, such as `team-kv.vault.azure.net`.
    pub host: String,
    /// The names of its secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// Permission of one principal on a resource and everything below it: all the roles that Azure Backup asks for there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// The object id of the permitted identity.
    pub principal_id: Uuid,
    /// A server, a Key Vault, or a resource group around them.
    pub scope: ResourceId,
}

impl Grant {
    /// Whether it permits this principal on this resource.
    pub(crate) fn permits(&self, principal_id: Uuid, resource: &ResourceId) -> bool {
        self.principal_id == principal_id && resource.is_within(&self.scope)
    }
}

/// Why a seed file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("cannot read the world file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no world.
    #[error("the world file {path} is not valid; its format is described in tests/emulator/README.md")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
}

impl World {
    /// Reads a seed file.
    ///
    /// # Errors
    /// When the file cannot be read or is no world.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read(path).map_err(|source| SeedError::Read { path: path.to_owned(), source })?;
        serde_json::from_slice(&text).map_err(|source| SeedError::Parse { path: path.to_owned(), source })
    }

    fn resources(&self) -> impl Iterator<Item = &ResourceId> {
        self.vaults
            .iter()
            .map(|vault| &vault.id)
            .chain(self.datasources.iter().map(|datasource| &datasource.id))
            .chain(self.key_vaults.iter().map(|key_vault| &key_vault.id))
            .chain(&self.resource_groups)
    }

    pub(crate) fn has_subscription(&self, subscription: &str) -> bool {
        self.resources().any(|id| id.subscription().eq_ignore_ascii_case(subscription))
    }

    pub(crate) fn has_resource_group(&self, group: &ResourceId) -> bool {
        self.resources().any(|id| id.is_within(group))
    }

    /// The vault of this id.
    pub fn vault(&self, id: &ResourceId) -> Option<&Vault> {
        self.vaults.iter().find(|vault| vault.id == *id)
    }

    /// The datasource of this id.
    pub fn datasource(&self, id: &ResourceId) -> Option<&Datasource> {
        self.datasources.iter().find(|datasource| datasource.id == *id)
    }

    /// The Key Vault that serves this host.
    pub fn key_vault(&self, host: &str) -> Option<&KeyVault> {
        self.key_vaults.iter().find(|key_vault| key_vault.host.eq_ignore_ascii_case(host))
    }

    /// Whether a principal has permission on a resource, directly or through something around it.
    pub fn permits(&self, principal_id: Uuid, resource: &ResourceId) -> bool {
        self.grants.iter().any(|grant| grant.permits(principal_id, resource))
    }

    /// Whether recovery points of this vault can be deleted before they expire.
    pub fn immutability(&self, vault: &ResourceId) -> Immutability {
        self.security(vault).map_or(Immutability::Disabled, |security| security.immutability)
    }

    /// The resource guard of this vault.
    pub fn resource_guard(&self, vault: &ResourceId) -> Option<&ResourceGuard> {
        self.security(vault)?.resource_guard.as_ref()
    }

    fn security(&self, vault: &ResourceId) -> Option<&VaultSecurity> {
        self.vault_security.iter().find(|security| security.vault == *vault)
    }

    /// Sets a vault's immutability and resource guard.
    pub fn put_vault_security(&mut self, security: VaultSecurity) {
        self.vault_security.retain(|known| known.vault != security.vault);
        self.vault_security.push(security);
    }

    /// Adds a vault, or replaces the one of the same id.
    pub fn put_vault(&mut self, vault: Vault) {
        self.vaults.retain(|known| known.id != vault.id);
        self.vaults.push(vault);
    }

    /// Adds a datasource, or replaces the one of the same id.
    pub fn put_datasource(&mut self, datasource: Datasource) {
        self.datasources.retain(|known| known.id != datasource.id);
        self.datasources.push(datasource);
    }

    /// Adds a Key Vault, or replaces the one of the same id.
    pub fn put_key_vault(&mut self, key_vault: KeyVault) {
        self.key_vaults.retain(|known| known.id != key_vault.id);
        self.key_vaults.push(key_vault);
    }

    /// Permits a principal; does nothing when it is permitted already.
    pub fn grant(&mut self, grant: Grant) {
        if !self.grants.contains(&grant) {
            self.grants.push(grant);
        }
    }

    /// Takes a permission away. Returns whether there was one.
    pub fn revoke(&mut self, grant: &Grant) -> bool {
        let before = self.grants.len();
        self.grants.retain(|known| known != grant);
        self.grants.len() < before
    }
}

impl Vault {
    /// The policy of this ARM id, when it is one of this vault's.
    pub fn policy(&self, id: &ResourceId) -> Option<&Policy> {
        self.policies.iter().find(|policy| self.id.child("backupPolicies", &policy.name) == *id)
    }

    /// Adds a policy, or replaces the one of the same name.
    pub fn put_policy(&mut self, policy: Policy) {
        self.policies.retain(|known| !known.name.eq_ignore_ascii_case(&policy.name));
        self.policies.push(policy);
    }
}
