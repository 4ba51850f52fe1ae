//! `pgbackup.dev/v1alpha1`: the specification of a `PostgresBackup`.
//!
//! The doc comments of the fields become the texts of `kubectl explain`, so they are written for people who apply YAML.
//! The rules refuse at admission what can be seen there; each message says what to write instead.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::status::{
    BackupInstanceStatus, DriftItem, Issue, IssueSource, OperationKind, OperationStatus, PostgresBackupStatus,
};

/// A PostgreSQL database in Azure that is to be protected in a Backup vault under a backup policy.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "pgbackup.dev",
    version = "v1alpha1",
    kind = "PostgresBackup",
    plural = "postgresbackups",
    shortname = "pgb",
    category = "azure",
    namespaced,
    status = "PostgresBackupStatus",
    derive = "PartialEq",
    doc = "PostgresBackup states that a PostgreSQL database in Azure is protected in a Backup vault under a backup policy. The operator validates the request with Azure, creates the backup instance, follows it until Azure reports the database as protected, and keeps status equal to what Azure says.",
    validation = Rule::new("self.metadata.name.size() <= 100")
        .message("metadata.name must have at most 100 characters: it is part of the owner tag on the backup instance"),
    validation = Rule::new("!has(self.spec.backupInstanceName) || !has(self.status) || !has(self.status.backupInstance) || self.status.backupInstance.name == self.spec.backupInstanceName || (!has(self.status.backupInstance.protectionState) && (!has(self.status.operation) || self.status.operation.kind in ['Validate', 'ValidateChange']))")
        .message("spec.backupInstanceName cannot be set any more: this object already has the backup instance that status.backupInstance.name names. To use another one, delete this object (deletionPolicy: Retain keeps the backup instance) and create it again"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "True when Azure reports the state asked for"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is ready, or what it waits for"),
    printcolumn(name = "Protection", type_ = "string", json_path = ".status.backupInstance.protectionState",
        description = "Protection state in Azure's words, as last read"),
    printcolumn(name = "Policy", type_ = "string", json_path = ".spec.policy.name",
        description = "Backup policy asked for"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp",
        description = "Time since the object was created"),
    printcolumn(name = "Vault", type_ = "string", json_path = ".status.vault", priority = 1,
        description = "Backup vault"),
    printcolumn(name = "Database", type_ = "string", json_path = ".status.database", priority = 1,
        description = "Protected server or database"),
    printcolumn(name = "Instance", type_ = "string", json_path = ".status.backupInstance.name", priority = 1,
        description = "Name of the backup instance in the vault"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1,
        description = "Explanation of the status")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.database.resourceId.lowerAscii() == oldSelf.database.resourceId.lowerAscii()")
        .message("spec.database.resourceId cannot be changed: create a PostgresBackup for the other database, and delete this one when its backups are no longer needed")
        .field_path(".database.resourceId"),
    validation = Rule::new("self.vault.resourceId.lowerAscii() == oldSelf.vault.resourceId.lowerAscii()")
        .message("spec.vault.resourceId cannot be changed: to move to another vault, delete this object (deletionPolicy: Retain keeps the present backups) and create it again with the new vault")
        .field_path(".vault.resourceId"),
    validation = Rule::new("!has(oldSelf.backupInstanceName) || (has(self.backupInstanceName) && self.backupInstanceName == oldSelf.backupInstanceName)")
        .message("spec.backupInstanceName cannot be changed or removed once it is set: delete this object (deletionPolicy: Retain keeps the backup instance) and create it again with the other name"),
    validation = Rule::new("!self.database.resourceId.matches('(?i)/Microsoft[.]DBforPostgreSQL/servers/[^/]+/databases/') || has(self.keyVaultSecret)")
        .message("spec.keyVaultSecret.uri is required for a database of a Single Server: give the Key Vault secret with the connection string, like https://team-kv.vault.azure.net/secrets/ossdbkey"),
    validation = Rule::new("!self.database.resourceId.matches('(?i)/Microsoft[.]DBforPostgreSQL/flexibleServers/') || !has(self.keyVaultSecret)")
        .message("spec.keyVaultSecret must be left out for a flexible server: the vault signs in with its managed identity, not with a secret"),
)]
pub struct PostgresBackupSpec {
    /// The PostgreSQL database to protect. It cannot be changed later.
    pub database: DatabaseSpec,
    /// The Backup vault that holds the backups. It cannot be changed later.
    pub vault: VaultSpec,
    /// The backup policy: when backups are taken and how long they are kept.
    pub policy: PolicySpec,
    /// The Key Vault secret with which the vault signs in to a Single Server database.
    /// Required for databases of a Single Server, refused for flexible servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_vault_secret: Option<KeyVaultSecretSpec>,
    /// Name of the backup instance in the vault. Left out, it is derived from server, database and vault.
    /// Set it to take over a backup instance that exists already. Once set it cannot be changed or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 164))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')")
        .message("must be the name of a backup instance: letters, digits, '-', '_' and '.', starting and ending with a letter or digit"))]
    pub backup_instance_name: Option<String>,
    /// What the operator may do in Azure.
    /// `Enforce` creates the backup instance and keeps it as this object says.
    /// `Observe` only reads: status says where the backup instance differs.
    /// `ValidateOnly` has Azure validate the request and creates nothing, for pull requests.
    #[serde(default)]
    pub mode: Mode,
    /// Whether backups are to be taken.
    /// `Active` takes them as the policy says.
    /// `Suspended` takes none; recovery points expire as the policy says, but for the latest.
    /// `Stopped` takes none and keeps every recovery point forever.
    #[serde(default)]
    pub protection: Protection,
    /// What becomes of the backup instance when this object is deleted.
    /// `Delete` stops protection and deletes the backups (the vault's soft delete keeps them for its retention time).
    /// `StopProtection` stops the backups and keeps every recovery point forever; they go on being billed.
    /// `Retain` leaves the backup instance in Azure as it is: protected and billed.
    /// It may be changed at any time, also while the object is being deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// The database to protect.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
    /// ARM id of what to protect: a flexible server, always as a whole
    /// (`/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}`),
    /// or a database of a Single Server (`…/Microsoft.DBforPostgreSQL/servers/{server}/databases/{database}`).
    /// `az postgres flexible-server show --query id` prints it.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(
        validation = Rule::new("!self.matches('(?i)/providers/[^/]+/flexibleServers/[^/]+/databases/')")
            .message("a flexible server is protected as a whole: leave out /databases/…"),
        validation = Rule::new("!self.matches('(?i)/Microsoft[.]DBforPostgreSQL/servers/[^/]+/?$')")
            .message("a Single Server is protected database by database: add /databases/{database}"),
        validation = Rule::new("self.matches('(?i)^/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/[^/]{0,89}[^/.]/providers/Microsoft[.]DBforPostgreSQL/(flexibleServers/[a-z0-9][a-z0-9-]{1,61}[a-z0-9]|servers/[a-z0-9][a-z0-9-]{1,61}[a-z0-9]/databases/[a-z0-9_]([a-z0-9_.-]{0,61}[a-z0-9_-])?)$') || self.matches('(?i)/providers/[^/]+/flexibleServers/[^/]+/databases/|/Microsoft[.]DBforPostgreSQL/servers/[^/]+/?$')")
            .message("must be the ARM id of a PostgreSQL flexible server (/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/{server}) or of a Single Server database (…/servers/{server}/databases/{database})"),
    )]
    pub resource_id: String,
}

/// The Backup vault.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VaultSpec {
    /// ARM id of the Backup vault
    /// (`/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}`).
    /// It must be in the region of the database. `az dataprotection backup-vault show --query id` prints it.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(
        validation = Rule::new("!self.matches('(?i)/Microsoft[.]RecoveryServices/vaults/')")
            .message("this is a Recovery Services vault: PostgreSQL is protected by a Backup vault (…/Microsoft.DataProtection/backupVaults/{vault})"),
        validation = Rule::new("self.matches('(?i)^/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/[^/]{0,89}[^/.]/providers/Microsoft[.]DataProtection/backupVaults/[a-z][a-z0-9-]{0,48}[a-z0-9]$') || self.matches('(?i)/Microsoft[.]RecoveryServices/vaults/')")
            .message("must be the ARM id of a Backup vault: /subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}"),
    )]
    pub resource_id: String,
    /// ARM id of the user-assigned managed identity with which the vault signs in to the server
    /// (`…/Microsoft.ManagedIdentity/userAssignedIdentities/{name}`). The identity must be assigned to the vault.
    /// Left out, the vault uses its system-assigned identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('(?i)^/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourceGroups/[^/]{0,89}[^/.]/providers/Microsoft[.]ManagedIdentity/userAssignedIdentities/[a-z0-9][a-z0-9_-]{2,127}$')")
        .message("must be the ARM id of a user-assigned identity: /subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"))]
    pub user_assigned_identity: Option<String>,
}

/// The backup policy.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// Name of a backup policy of the vault that is made for this kind of database.
    /// A change is carried over to the backup instance.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.size() <= 150 && self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')")
        .message("must be the name of a backup policy in the vault, not its ARM id: up to 150 letters, digits, '-', '_' and '.'"))]
    pub name: String,
}

/// The Key Vault secret that holds the sign-in to a Single Server database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeyVaultSecretSpec {
    /// URI of the secret, without a version, so that a rotated secret is used at once
    /// (`https://{key-vault}.vault.azure.net/secrets/{name}`). The operator never reads the secret; the vault does.
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(
        validation = Rule::new("self.startsWith('https://')")
            .message("must start with https://"),
        validation = Rule::new("!self.matches('^https://[^/]*/secrets/[^/]+/.')")
            .message("must not carry a secret version: leave out what follows the secret's name, so that a rotated secret is used"),
        validation = Rule::new("!self.matches('^https://[^/]*[:@]')")
            .message("must not carry a port or a user name"),
        validation = Rule::new("!self.startsWith('https://') || self.matches('^https://[^/]*[:@]') || self.matches('^https://[^/]*/secrets/[^/]+/.') || self.matches('(?i)^https://[a-z][a-z0-9-]{1,22}[a-z0-9]([.][a-z0-9-]+)+/secrets/[a-z0-9-]{1,127}$')")
            .message("must be the URI of a Key Vault secret: https://{key-vault}.vault.azure.net/secrets/{name}"),
    )]
    pub uri: String,
}

/// What the operator may do in Azure.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Bring Azure to what the specification says, and keep it there.
    #[default]
    Enforce,
    /// Change nothing in Azure; report where it differs.
    Observe,
    /// Change nothing in Azure; report whether Azure would accept the specification.
    ValidateOnly,
}

/// Whether backups are to be taken.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Backups are taken as the policy says.
    #[default]
    Active,
    /// No backups are taken; recovery points expire as the policy says, but for the latest.
    Suspended,
    /// No backups are taken; every recovery point is kept forever.
    Stopped,
}

impl std::fmt::Display for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Active => "Active",
            Self::Suspended => "Suspended",
            Self::Stopped => "Stopped",
        })
    }
}

/// What becomes of the backup instance when the `PostgresBackup` is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// Delete the backup instance and with it the backups.
    #[default]
    Delete,
    /// Stop the backups and keep the recovery points.
    StopProtection,
    /// Leave the backup instance as it is.
    Retain,
}
