//! What a caller states about a backup instance: the writable part of `BackupInstance`, parsed once and echoed in
//! the casing and order of the recordings.

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::id::ResourceId;
use crate::json::{Object, Read, ReadError};

/// The writable properties of a backup instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceSpec {
    /// The name shown to people; the instance's own name when the caller gave none.
    pub friendly_name: Option<String>,
    /// What is backed up.
    pub datasource: DatasourceInfo,
    /// What the datasource belongs to.
    pub datasource_set: Option<DatasourceInfo>,
    /// The policy that applies.
    pub policy: PolicyInfo,
    /// The Key Vault secret with the database's credentials.
    pub credentials: Option<AuthCredentials>,
    /// How the vault signs in to the datasource; absent: its system-assigned identity.
    pub identity: Option<IdentityDetails>,
}

/// `Datasource` and `DatasourceSet`, which have the same members.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasourceInfo {
    /// The ARM id, in the caller's casing.
    #[serde(rename = "resourceID")]
    pub resource_id: ResourceId,
    /// The caller's `resourceUri`, which may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_uri: Option<String>,
    /// The datasource type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource_type: Option<String>,
    /// The resource's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// The resource's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The resource's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_location: Option<String>,
    /// `Datasource` or `DatasourceSet`.
    pub object_type: &'static str,
}

/// The reference to the policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyInfo {
    /// The policy's ARM id, in the caller's casing.
    pub policy_id: ResourceId,
    /// Read-only, but echoed when the caller sent it, as in the article.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// Parameters of other kinds of datasource, kept as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_parameters: Option<Value>,
}

/// `SecretStoreBasedAuthCredentials`, the only kind there is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthCredentials {
    object_type: &'static str,
    /// Where the secret is.
    pub secret_store_resource: SecretStoreResource,
}

/// The secret's place. Its value is never shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreResource {
    secret_store_type: String,
    /// The secret's URI.
    pub uri: Option<String>,
    value: Option<String>,
}

/// Which of the vault's identities signs in to the datasource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityDetails {
    /// Whether it is the system-assigned one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_system_assigned_identity: Option<bool>,
    /// The ARM id of the user-assigned one.
    #[serde(rename = "userAssignedIdentityArmUrl", skip_serializing_if = "Option::is_none")]
    pub user_assigned_identity: Option<ResourceId>,
}

/// A Key Vault secret's place, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretUri {
    pub(crate) host: String,
    pub(crate) name: String,
}

impl SecretUri {
    /// Parses `https://{key vault}/secrets/{name}[/{version}]`.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https")?;
        let segments: Vec<&str> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            [secrets, name] | [secrets, name, _] if secrets.eq_ignore_ascii_case("secrets") => {
                Some(Self { host: url.host_str()?.to_owned(), name: (*name).to_owned() })
            }
            _ => None,
        }
    }
}

impl InstanceSpec {
    /// Reads a `BackupInstance`: the member `backupInstance` of a validation, or `properties` of a PUT.
    pub(crate) fn read(instance: Object<'_>) -> Read<Self> {
        instance.required_text("objectType")?;
        let policy = instance.required_object("policyInfo")?;
        Ok(Self {
            friendly_name: instance.text("friendlyName")?.map(str::to_owned),
            datasource: DatasourceInfo::read(instance.required_object("dataSourceInfo")?, "Datasource")?,
            datasource_set: instance
                .object("dataSourceSetInfo")?
                .map(|set| DatasourceInfo::read(set, "DatasourceSet"))
                .transpose()?,
            policy: PolicyInfo {
                policy_id: resource_id(policy, "policyId")?,
                policy_version: policy.text("policyVersion")?.map(str::to_owned),
                policy_parameters: policy.get("policyParameters").cloned(),
            },
            credentials: instance.object("datasourceAuthCredentials")?.map(AuthCredentials::read).transpose()?,
            identity: instance.object("identityDetails")?.map(IdentityDetails::read).transpose()?,
        })
    }
}

impl PolicyInfo {
    /// The reference to a policy without parameters.
    pub fn of(policy_id: ResourceId) -> Self {
        Self { policy_id, policy_version: None, policy_parameters: None }
    }
}

impl DatasourceInfo {
    /// A datasource as clients describe it.
    pub fn of(id: &ResourceId, location: &str) -> Self {
        let kind = Some(id.resource_type());
        Self {
            resource_id: id.clone(),
            resource_uri: Some(String::new()),
            datasource_type: kind.clone(),
            resource_name: Some(id.name().to_owned()),
            resource_type: kind,
            resource_location: Some(location.to_owned()),
            object_type: "Datasource",
        }
    }

    fn read(info: Object<'_>, object_type: &'static str) -> Read<Self> {
        let text = |name| Ok(info.text(name)?.map(str::to_owned));
        let resource_id = resource_id(info, "resourceID")?;
        let resource_name = match text("resourceName")? {
            // The service fills in the datasource's name, but not the set's.
            Some(empty) if empty.is_empty() && object_type == "Datasource" => Some(resource_id.name().to_owned()),
            given => given,
        };
        Ok(Self {
            resource_uri: text("resourceUri")?,
            datasource_type: text("datasourceType")?,
            resource_name,
            resource_type: text("resourceType")?,
            resource_location: text("resourceLocation")?,
            resource_id,
            object_type,
        })
    }
}

impl AuthCredentials {
    fn read(credentials: Object<'_>) -> Read<Self> {
        let store = credentials.required_object("secretStoreResource")?;
        Ok(Self {
            object_type: "SecretStoreBasedAuthCredentials",
            secret_store_resource: SecretStoreResource {
                secret_store_type: store.required_text("secretStoreType")?.to_owned(),
                uri: store.text("uri")?.map(str::to_owned),
                value: None,
            },
        })
    }
}

impl IdentityDetails {
    fn read(details: Object<'_>) -> Read<Self> {
        Ok(Self {
            use_system_assigned_identity: details.boolean("useSystemAssignedIdentity")?,
            user_assigned_identity: details
                .text("userAssignedIdentityArmUrl")?
                .filter(|id| !id.is_empty())
                .map(|_| resource_id(details, "userAssignedIdentityArmUrl"))
                .transpose()?,
        })
    }
}

fn resource_id(object: Object<'_>, name: &str) -> Read<ResourceId> {
    ResourceId::parse(object.required_text(name)?).map_err(|_| ReadError::Missing { path: name.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_read_in_any_casing_and_null_is_absent() {
        let body = json!({
            "OBJECTTYPE": "BackupInstance",
            "datasourceinfo": { "resourceId": "/subscriptions/s/resourceGroups/g/providers/n/t/a", "resourceName": "" },
            "dataSourceSetInfo": null,
            "datasourceAuthCredentials": null,
            "policyInfo": { "policyId": "/subscriptions/s/resourceGroups/g/providers/n/t/v/p/w" }
        });
        let spec = InstanceSpec::read(Object::root(&body).unwrap()).unwrap();
        assert_eq!(spec.datasource.resource_name.as_deref(), Some("a"));
        assert_eq!(spec.datasource_set, None);
        let echoed = serde_json::to_value(&spec.datasource).unwrap();
        assert!(echoed.get("resourceID").is_some(), "{echoed}");
    }

    #[test]
    fn a_secret_uri_is_taken_apart() {
        let secret = SecretUri::parse("https://kv.vault.azure.net/secrets/name/0123").unwrap();
        assert_eq!((secret.host.as_str(), secret.name.as_str()), ("kv.vault.azure.net", "name"));
        for uri in
            ["http://kv.vault.azure.net/secrets/n", "https://kv.vault.azure.net/keys/n", "kv", "https://kv/secrets"]
        {
            assert_eq!(SecretUri::parse(uri), None, "{uri}");
        }
    }
}
