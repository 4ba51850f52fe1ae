//! The backup instance we want, as JSON.

use crate::azure::id::{BackupInstanceName, DatasourceId, PolicyId, SecretUri, UserAssignedIdentityId};
use crate::azure::version::ApiVersion;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// A backup instance as it should be: which datasource, under which policy, reached how.
///
/// `validationType` is never sent: the request is validated on its own beforehand, and a deep validation inside the PUT would
/// only run the same checks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRequest {
    /// The name people see in the portal; not sent with 2021-01-01.
    pub friendly_name: String,
    /// What to protect.
    pub datasource: DatasourceId,
    /// The location of the datasource, which must be the vault's, as the vault spells it.
    pub location: String,
    /// The policy to protect it under.
    pub policy: PolicyId,
    /// Where the login of a Single Server is kept.
    pub secret: Option<SecretUri>,
    /// The identity the vault signs in with; none is its system-assigned one.
    pub identity: Option<UserAssignedIdentityId>,
    /// Whose instance it is.
    pub owner: OwnerTag,
}

/// A tag that marks an instance as belonging to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTag {
    /// The name of the tag; Azure ignores its case.
    pub name: String,
    /// Its value; Azure keeps its case.
    pub value: String,
}

impl InstanceRequest {
    /// The body of validateForBackup.
    pub fn validation(&self, version: ApiVersion) -> Value {
        json!({ "backupInstance": self.properties(version) })
    }

    /// The body of the PUT that creates the instance.
    pub fn resource(&self, name: &BackupInstanceName, version: ApiVersion) -> Value {
        let mut body = json!({ "properties": self.properties(version) });
        if version == ApiVersion::V2021_01_01 {
            // As Microsoft's article for this version has it, down to the spelling of the type.
            body["name"] = json!(name.as_str());
            body["type"] = json!("Microsoft.DataProtection/backupvaults/backupInstances");
        }
        if version.carries_tags() {
            body["tags"] = json!({ self.owner.name.as_str(): self.owner.value });
        }
        body
    }

    /// The `properties` of the instance, which are also what is validated.
    pub fn properties(&self, version: ApiVersion) -> Value {
        let mut properties = Map::new();
        properties.insert("objectType".to_owned(), json!("BackupInstance"));
        properties.insert("dataSourceInfo".to_owned(), self.data_source_info());
        properties.insert("dataSourceSetInfo".to_owned(), self.data_source_set_info());
        properties.insert("policyInfo".to_owned(), json!({ "policyId": self.policy.to_string() }));
        if version == ApiVersion::V2021_01_01 {
            properties["policyInfo"]["policyVersion"] = json!("");
        } else {
            properties.insert("friendlyName".to_owned(), json!(self.friendly_name));
        }
        if let Some(credentials) = self.credentials(version) {
            properties.insert("datasourceAuthCredentials".to_owned(), credentials);
        }
        if let Some(identity) = self.identity_details(version) {
            properties.insert("identityDetails".to_owned(), identity);
        }
        Value::Object(properties)
    }

    /// A hash of what is wanted, to recognise a request that was sent or validated before. Does not depend on the instance's
    /// name, and differs between api-versions only where their bodies do.
    pub fn fingerprint(&self, version: ApiVersion) -> RequestHash {
        let tag = version.carries_tags().then(|| json!([self.owner.name, self.owner.value]));
        let mut canonical = String::new();
        write_canonical(&json!([self.properties(version), tag]), &mut canonical);
        RequestHash::of(canonical.as_bytes())
    }

    fn data_source_info(&self) -> Value {
        let resource_type = self.datasource.kind().resource_type();
        json!({
            "objectType": "Datasource",
            "resourceID": self.datasource.to_string(),
            "resourceUri": self.resource_uri(),
            "datasourceType": resource_type,
            "resourceName": self.datasource.database_name().unwrap_or(self.datasource.server_name()),
            "resourceType": resource_type,
            "resourceLocation": self.location,
        })
    }

    /// The server. For a Flexible Server that is the datasource once more, as Microsoft's own samples and Terraform send it.
    fn data_source_set_info(&self) -> Value {
        let resource_type = match self.datasource {
            DatasourceId::FlexibleServer(_) => self.datasource.kind().resource_type(),
            DatasourceId::SingleServerDatabase(_) => "Microsoft.DBforPostgreSQL/servers",
        };
        json!({
            "objectType": "DatasourceSet",
            "resourceID": self.datasource.server().to_string(),
            "resourceUri": self.resource_uri(),
            "datasourceType": self.datasource.kind().resource_type(),
            "resourceName": self.datasource.server_name(),
            "resourceType": resource_type,
            "resourceLocation": self.location,
        })
    }

    /// The id of a Flexible Server, nothing for a Single Server: so it was recorded.
    fn resource_uri(&self) -> String {
        match &self.datasource {
            DatasourceId::FlexibleServer(_) => self.datasource.to_string(),
            DatasourceId::SingleServerDatabase(_) => String::new(),
        }
    }

    pub(super) fn credentials(&self, version: ApiVersion) -> Option<Value> {
        let secret = self.secret.as_ref().filter(|_| version.carries_credentials())?;
        Some(json!({
            "objectType": "SecretStoreBasedAuthCredentials",
            "secretStoreResource": { "secretStoreType": "AzureKeyVault", "uri": secret.to_string() },
        }))
    }

    pub(super) fn identity_details(&self, version: ApiVersion) -> Option<Value> {
        let identity = self.identity.as_ref().filter(|_| version.carries_identity_details())?;
        Some(json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": identity.to_string() }))
    }
}

/// Writes JSON with the members of objects in order, so that equal values have equal texts.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (name, value) in members {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(entries) => {
            out.push('[');
            for entry in entries {
                write_canonical(entry, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// The first 64 bits of a SHA-256 in hexadecimal. Tells requests of one object apart; not meant against an adversary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestHash(String);

impl RequestHash {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The hash of a request that has no body, by what it is about.
    pub fn of_text(text: &str) -> Self {
        Self::of(text.as_bytes())
    }

    /// A hash that was stored before; a text that is none equals no request's hash.
    pub fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The hash as 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for RequestHash {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}
