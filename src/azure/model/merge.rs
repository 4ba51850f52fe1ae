//! The body of a PUT on an instance that is there already.

use super::request::InstanceRequest;
use crate::azure::json::{member, remove, replace, text};
use crate::azure::version::ApiVersion;
use serde_json::{Map, Value, json};

/// What Azure computes. A PUT must not send it back: an answer of 400 would be within the contract.
const READ_ONLY: [&str; 5] =
    ["protectionStatus", "currentProtectionState", "protectionErrorDetails", "provisioningState", "validationType"];

impl InstanceRequest {
    /// The instance as it is (`current`, the JSON of a GET made just now) with what this request owns put in its place:
    /// the policy's id, the Key Vault secret, the identity, and the owner tag. Everything else stays: datasource, friendly
    /// name, policy parameters, other people's tags, and members this crate does not know.
    pub fn merged_into(&self, current: &Value, version: ApiVersion) -> Value {
        let mut properties = match member(current, "properties") {
            Some(Value::Object(properties)) => properties.clone(),
            _ => object(self.properties(version)),
        };
        READ_ONLY.iter().for_each(|name| remove(&mut properties, name));
        let policy = self.merged_policy(&properties, version);
        replace(&mut properties, "policyInfo", policy);
        set(&mut properties, "datasourceAuthCredentials", self.credentials(version));
        let identity = self.merged_identity(&properties, version);
        set(&mut properties, "identityDetails", identity);

        let mut body = json!({ "properties": properties });
        if version == ApiVersion::V2021_01_01 {
            body["name"] = json!(text(current, "name").unwrap_or_default());
            body["type"] = json!("Microsoft.DataProtection/backupvaults/backupInstances");
        }
        if version.carries_tags() {
            let mut tags = member(current, "tags").and_then(Value::as_object).cloned().unwrap_or_default();
            remove(&mut tags, &self.owner.name);
            tags.insert(self.owner.name.clone(), json!(self.owner.value));
            body["tags"] = Value::Object(tags);
        }
        body
    }

    fn merged_policy(&self, properties: &Map<String, Value>, version: ApiVersion) -> Value {
        let current = properties.iter().find(|(name, _)| name.eq_ignore_ascii_case("policyInfo"));
        let mut policy = current.and_then(|(_, policy)| policy.as_object()).cloned().unwrap_or_default();
        remove(&mut policy, "policyVersion");
        replace(&mut policy, "policyId", json!(self.policy.to_string()));
        if version == ApiVersion::V2021_01_01 {
            policy.insert("policyVersion".to_owned(), json!(""));
        }
        Value::Object(policy)
    }

    /// Leaving the identity out would not take one away that is set, so the system-assigned one is then asked for by name.
    fn merged_identity(&self, properties: &Map<String, Value>, version: ApiVersion) -> Option<Value> {
        if !version.carries_identity_details() {
            return None;
        }
        let is_set =
            properties.iter().any(|(name, value)| name.eq_ignore_ascii_case("identityDetails") && !value.is_null());
        self.identity_details(version).or_else(|| is_set.then(|| json!({ "useSystemAssignedIdentity": true })))
    }
}

fn set(properties: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => replace(properties, name, value),
        None => remove(properties, name),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
