//! The status of a `PostgresBackup`: what Azure was last seen to say, and a hint for resuming.
//!
//! Every field has a default, so that a status written by an older or newer operator can always be read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::{self, ConditionType};

/// What Azure was last seen to say about the database's protection.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PostgresBackupStatus {
    /// The `metadata.generation` that this status answers; -1 until the operator has seen the object.
    #[serde(default = "never_observed")]
    #[schemars(default = "never_observed")]
    pub observed_generation: i64,
    /// Short name of the Backup vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub vault: Option<String>,
    /// Short name of the protected database: the flexible server, or server/database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub database: Option<String>,
    /// The PostgresBackupGrant by which Azure is asked; left out while none permits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub grant: Option<String>,
    /// Ready, Validated, Synced and Protected; Reconciling, Stalled, Paused and Deleting only while they are True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::conditions::schema")]
    pub conditions: Vec<Condition>,
    /// The backup instance in Azure, as last read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_instance: Option<BackupInstanceStatus>,
    /// The request that is about to be sent to Azure or that Azure works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,
    /// What stands in the way, in Azure's words, with Azure's recommended actions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub issues: Vec<Issue>,
    /// Hash of the request that Azure's validation last accepted; removed once the backup instance exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub validated_request: Option<String>,
    /// Where the backup instance differs from the specification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub drift: Vec<DriftItem>,
    /// The value of the annotation `pgbackup.dev/reconcile-requested-at` that a pass last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

impl Default for PostgresBackupStatus {
    fn default() -> Self {
        Self {
            observed_generation: never_observed(),
            vault: None,
            database: None,
            grant: None,
            conditions: Vec::new(),
            backup_instance: None,
            operation: None,
            issues: Vec::new(),
            validated_request: None,
            drift: Vec::new(),
            last_handled_reconcile_at: None,
        }
    }
}

impl PostgresBackupStatus {
    /// Whether the backup instance existed when it was last read.
    #[must_use]
    pub fn shows_instance(&self) -> bool {
        self.backup_instance.as_ref().is_some_and(|instance| instance.protection_state.is_some())
    }

    /// Whether the backup instance existed when it was last read, as one that Azure has accepted for this object.
    #[must_use]
    pub fn has_accepted_instance(&self) -> bool {
        self.shows_instance() && conditions::is_true(&self.conditions, ConditionType::Validated)
    }
}

fn never_observed() -> i64 {
    -1
}

/// The backup instance in Azure, as last read.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupInstanceStatus {
    /// Name of the backup instance in the vault.
    #[schemars(length(max = 256))]
    pub name: String,
    /// ARM id of the backup instance.
    #[schemars(length(max = 1024))]
    pub resource_id: String,
    /// Azure's `currentProtectionState`, verbatim; left out while the backup instance does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub protection_state: Option<String>,
    /// ARM id of the policy in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub policy_id: Option<String>,
}

/// A request that changes Azure or asks it to validate. It is stored before it is sent, so that a restarted operator
/// knows what may be under way.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// What is asked of Azure.
    pub kind: OperationKind,
    /// Hash of the request's content.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub request_hash: String,
    /// When the request was about to be sent.
    pub started_at: Time,
    /// Path and query under which Azure reports the operation, on the configured Azure Resource Manager host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub path: Option<String>,
    /// How long Azure asked to wait between two looks, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub poll_after_seconds: Option<i32>,
}

/// What is asked of Azure.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// `validateForBackup`: would Azure accept the request?
    Validate,
    /// `validateForModifyBackup`: would Azure accept the change?
    ValidateChange,
    /// PUT of a backup instance that does not exist.
    Create,
    /// PUT of a backup instance that differs from the specification.
    Update,
    /// `sync`: asks Azure to try again to protect what it could not.
    Sync,
    /// `resumeProtection`: backups go on.
    Resume,
    /// `suspendBackups`: no more backups; recovery points expire.
    Suspend,
    /// `stopProtection`: no more backups; recovery points are kept forever.
    Stop,
    /// `undelete` of the soft-deleted backup instance.
    Undelete,
    /// DELETE of the backup instance.
    Delete,
}

impl OperationKind {
    /// Whether it may change something in Azure: everything but a validation may.
    #[must_use]
    pub fn changes_azure(self) -> bool {
        !matches!(self, Self::Validate | Self::ValidateChange)
    }
}

/// Something that stands in the way, as Azure or the operator says it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Issue {
    /// Where it was said.
    pub source: IssueSource,
    /// Azure's error code, or the operator's.
    #[schemars(length(max = 256))]
    pub code: String,
    /// The message that belongs to the code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
    /// The innermost cause: which principal lacks which action on which scope, for instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub detail: Option<String>,
    /// What Azure recommends to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 2048)))]
    pub recommended_actions: Vec<String>,
    /// What the code refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub target: Option<String>,
    /// Azure's activity id: what Azure support asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub activity_id: Option<String>,
}

/// Where an issue was said.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueSource {
    /// The operator, reading the specification.
    Specification,
    /// Azure's validation of the request.
    Validation,
    /// Azure, when the operator looked at the vault or the backup instance.
    Observation,
    /// Azure's answer to a request that was to change something, or the outcome of the operation that it started.
    Operation,
    /// The protection error that the backup instance carries.
    Protection,
    /// The operator's api-version cannot express something.
    Compatibility,
}

/// A field in which the backup instance differs from the specification.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DriftItem {
    /// What differs: a field of `spec`, like `policy.name`, or the `owner tag`.
    #[schemars(length(max = 128))]
    pub field: String,
    /// What the specification asks for.
    #[schemars(length(max = 1024))]
    pub desired: String,
    /// What Azure shows.
    #[schemars(length(max = 1024))]
    pub actual: String,
}
