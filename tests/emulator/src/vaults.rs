//! GET of vaults and policies.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::arm::Call;
use crate::engine::Engine;
use crate::errors::Failure;
use crate::http::Response;
use crate::security::{Immutability, SoftDeleteState};
use crate::version::Feature;
use crate::world::{Policy, Vault};

impl Engine {
    pub(crate) fn get_vault(&self, call: &Call<'_>, vault: &Vault) -> Response {
        let mut properties = json!({
            "provisioningState": "Succeeded",
            "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }],
        });
        if call.version.has(Feature::DeletedBackupInstances) {
            let soft_delete = vault.soft_delete;
            let (score, level) = match soft_delete.state {
                SoftDeleteState::Off => ("None", "Poor"),
                SoftDeleteState::On => ("Minimum", "Fair"),
                SoftDeleteState::AlwaysOn => ("Adequate", "Good"),
            };
            properties["isVaultProtectedByResourceGuard"] = json!(self.world.resource_guard(&vault.id).is_some());
            properties["securitySettings"] = json!({
                "softDeleteSettings": {
                    "state": soft_delete.state,
                    "retentionDurationInDays": f64::from(soft_delete.retention_duration_in_days),
                },
            });
            let immutability = self.world.immutability(&vault.id);
            if immutability != Immutability::Disabled {
                properties["securitySettings"]["immutabilitySettings"] = json!({ "state": immutability });
            }
            properties["secureScore"] = json!(score);
            properties["bcdrSecurityLevel"] = json!(level);
            properties["replicatedRegions"] = json!([]);
        }
        let body = json!({
            "location": vault.location,
            "identity": self.identity(vault),
            "properties": properties,
            "id": vault.id,
            "name": vault.id.name(),
            "type": "Microsoft.DataProtection/backupVaults",
        });
        Response::json(StatusCode::OK, &body)
    }

    fn identity(&self, vault: &Vault) -> Value {
        let mut identity = Map::new();
        let kind = match (vault.identity.is_some(), vault.user_assigned_identities.is_empty()) {
            (false, true) => "None",
            (true, true) => "SystemAssigned",
            (false, false) => "UserAssigned",
            (true, false) => "SystemAssigned, UserAssigned",
        };
        identity.insert("type".to_owned(), json!(kind));
        if let Some(system) = vault.identity {
            identity.insert("principalId".to_owned(), json!(system.principal_id));
            identity.insert("tenantId".to_owned(), json!(self.world.tenant_id));
        }
        if !vault.user_assigned_identities.is_empty() {
            let assigned = vault.user_assigned_identities.iter().map(|assigned| {
                let ids = json!({ "principalId": assigned.principal_id, "clientId": assigned.client_id });
                (assigned.id.to_string(), ids)
            });
            identity.insert("userAssignedIdentities".to_owned(), Value::Object(assigned.collect()));
        }
        Value::Object(identity)
    }

    pub(crate) fn get_policy(vault: &Vault, name: &str) -> Result<Response, Failure> {
        let policy = vault.policies.iter().find(|policy| policy.name.eq_ignore_ascii_case(name));
        let policy = policy.ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &resource(vault, policy)))
    }

    pub(crate) fn list_policies(vault: &Vault) -> Response {
        let value: Vec<Value> = vault.policies.iter().map(|policy| resource(vault, policy)).collect();
        Response::json(StatusCode::OK, &json!({ "value": value }))
    }
}

fn resource(vault: &Vault, policy: &Policy) -> Value {
    let rules = match &policy.policy_rules {
        Some(rules) => json!(rules),
        None => weekly(),
    };
    json!({
        "properties": {
            "policyRules": rules,
            "datasourceTypes": policy.datasource_types,
            "objectType": "BackupPolicy",
        },
        "id": vault.id.child("backupPolicies", &policy.name),
        "name": policy.name,
        "type": "Microsoft.DataProtection/backupVaults/backupPolicies",
    })
}

/// The rules of a policy that was seeded without: a weekly full backup, kept for three months.
fn weekly() -> Value {
    let store = json!({ "dataStoreType": "VaultStore", "objectType": "DataStoreInfoBase" });
    json!([
        {
            "backupParameters": { "backupType": "Full", "objectType": "AzureBackupParams" },
            "trigger": {
                "schedule": { "repeatingTimeIntervals": ["R/2024-01-07T02:00:00+00:00/P1W"], "timeZone": "UTC" },
                "taggingCriteria": [{
                    "tagInfo": { "tagName": "Default", "id": "Default_" },
                    "taggingPriority": 99,
                    "isDefault": true,
                }],
                "objectType": "ScheduleBasedTriggerContext",
            },
            "dataStore": store,
            "name": "BackupWeekly",
            "objectType": "AzureBackupRule",
        },
        {
            "lifecycles": [{
                "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": "P3M" },
                "sourceDataStore": store,
                "targetDataStoreCopySettings": [],
            }],
            "isDefault": true,
            "name": "Default",
            "objectType": "AzureRetentionRule",
        },
    ])
}
