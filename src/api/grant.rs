//! `pgbackup.dev/v1alpha1`: what an administrator allows the `PostgresBackup`s of some namespaces.
//!
//! The doc comments of the fields become the texts of `kubectl explain`, so they are written for people who apply YAML.

#![expect(clippy::duplicated_attributes, reason = "every column has a type, and some have the same")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::v1alpha1::{DeletionPolicy, Mode};

/// Which vaults and databases the `PostgresBackup`s of some namespaces may use, and as whom.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "pgbackup.dev",
    version = "v1alpha1",
    kind = "PostgresBackupGrant",
    plural = "postgresbackupgrants",
    shortname = "pgbg",
    category = "azure",
    status = "PostgresBackupGrantStatus",
    derive = "PartialEq",
    doc = "PostgresBackupGrant lets the PostgresBackups of some namespaces use some vaults and databases in Azure. Without a grant the operator sends nothing to Azure. One grant has to cover all that an object asks for; grants are not added up.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "True when every line of the grant can be used"
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Whether the grant has an effect, or what is wrong with it"
    ),
    printcolumn(
        name = "Objects",
        type_ = "integer",
        json_path = ".status.objects",
        description = "How many PostgresBackups it serves"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since the grant was created"
    ),
    printcolumn(
        name = "Identity",
        type_ = "string",
        json_path = ".spec.identity.serviceAccount.clientId",
        priority = 1,
        description = "Client id that requests are sent as; the operator's own when empty"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1,
        description = "Explanation of the status"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PostgresBackupGrantSpec {
    /// Namespaces whose PostgresBackups may use this grant.
    pub namespaces: NamespacesSpec,
    /// Backup vaults: the ARM id of a vault, of a resource group, or of a subscription, for all vaults in it.
    #[schemars(length(max = 256), inner(length(min = 1, max = 512)))]
    #[x_kube(validation = Rule::new("self.all(id, id.matches('(?i)^/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/resourceGroups/[^/]{0,89}[^/.](/providers/Microsoft[.]DataProtection/backupVaults/[a-z][a-z0-9-]{0,48}[a-z0-9])?)?$'))")
        .message("must be ARM ids of Backup vaults (/subscriptions/{id}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}), of resource groups or of subscriptions"))]
    pub vaults: Vec<String>,
    /// Databases: the ARM id of a flexible server, of a Single Server or one of its databases, of a resource group, or of a
    /// subscription, for all databases in it.
    #[schemars(length(max = 256), inner(length(min = 1, max = 512)))]
    #[x_kube(validation = Rule::new("self.all(id, id.matches('(?i)^/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/resourceGroups/[^/]{0,89}[^/.](/providers/Microsoft[.]DBforPostgreSQL/(flexibleServers/[a-z0-9][a-z0-9-]{1,61}[a-z0-9]|servers/[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/databases/[a-z0-9_]([a-z0-9_.-]{0,61}[a-z0-9_-])?)?))?)?$'))")
        .message("must be ARM ids of PostgreSQL flexible servers, of Single Servers or their databases, of resource groups or of subscriptions"))]
    pub databases: Vec<String>,
    /// Hosts of the Key Vaults whose secrets may be named, like `team-kv.vault.azure.net`. Left out: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    #[x_kube(validation = Rule::new("self.all(host, host.matches('(?i)^[a-z][a-z0-9-]{1,22}[a-z0-9]([.][a-z0-9-]+)+$'))")
        .message("must be hosts of Key Vaults, like team-kv.vault.azure.net: no https:// and no path"))]
    pub key_vaults: Vec<String>,
    /// Backup policies by name. Left out: every policy of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 150)))]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$'))")
        .message("must be names of backup policies, not their ARM ids"))]
    pub policies: Option<Vec<String>>,
    /// Modes. Left out: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    pub modes: Option<Vec<Mode>>,
    /// Deletion policies. Left out: all of them. Without Delete in the list, nobody can delete backups by way of this grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 3))]
    pub deletion_policies: Option<Vec<DeletionPolicy>>,
    /// Whether an object may take a backup instance over that is marked as another owner's, with the annotation
    /// `pgbackup.dev/take-over-from`.
    #[serde(default)]
    pub allow_take_over: bool,
    /// As whom requests are sent to Azure. Left out: as the operator itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySpec>,
}

/// Namespaces, by name or by label. Where both are given, a namespace has to match both. Where neither is, none matches.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespacesSpec {
    /// Names of namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    pub names: Option<Vec<String>>,
    /// Labels of namespaces. An empty selector matches no namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector_schema")]
    pub selector: Option<LabelSelector>,
}

/// An identity in Azure other than the operator's own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IdentitySpec {
    /// The ServiceAccount in the namespace of the PostgresBackup whose token is exchanged for a token of the identity.
    pub service_account: ServiceAccountSpec,
}

/// A ServiceAccount, and the identity that has a federated credential for it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSpec {
    /// Name of the ServiceAccount. Left out: the operator's setting `--service-account`, which its rights are limited to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')")
        .message("must be the name of a ServiceAccount"))]
    pub name: Option<String>,
    /// Client id of the managed identity or application.
    #[schemars(length(min = 36, max = 36))]
    #[x_kube(validation = Rule::new("self.matches('(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')")
        .message("must be a GUID"))]
    pub client_id: String,
    /// Its tenant.
    #[schemars(length(min = 36, max = 36))]
    #[x_kube(validation = Rule::new("self.matches('(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')")
        .message("must be a GUID"))]
    pub tenant_id: String,
}

/// What the operator makes of the grant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PostgresBackupGrantStatus {
    /// The `metadata.generation` that this status answers; -1 until the operator has seen the grant.
    #[serde(default = "never_observed")]
    #[schemars(default = "never_observed")]
    pub observed_generation: i64,
    /// Ready; and Stalled, only while a person must change the grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::conditions::schema")]
    pub conditions: Vec<Condition>,
    /// How many PostgresBackups the grant serves.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub objects: i64,
}

impl Default for PostgresBackupGrantStatus {
    fn default() -> Self {
        Self { observed_generation: never_observed(), conditions: Vec::new(), objects: 0 }
    }
}

fn never_observed() -> i64 {
    -1
}

/// The schema of a label selector, with limits that let the API server bound the cost of rules.
fn selector_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let value = || serde_json::json!({ "type": "string", "maxLength": 63 });
    schemars::json_schema!({
        "type": "object",
        "properties": {
            "matchLabels": { "type": "object", "maxProperties": 32, "additionalProperties": value() },
            "matchExpressions": {
                "type": "array",
                "maxItems": 32,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": { "type": "string", "minLength": 1, "maxLength": 317 },
                        "operator": { "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"] },
                        "values": { "type": "array", "maxItems": 64, "items": value() },
                    },
                },
            },
        },
    })
}
