//! A backup instance as Azure shows it.

use crate::azure::id::{DatasourceId, PolicyId, SecretUri, UserAssignedIdentityId};
use crate::azure::json::{member, path, text};
use crate::azure::service_error::ServiceError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A backup instance as read from Azure.
///
/// Ids are kept as Azure spells them, and parsed by methods that give nothing where the text is of another kind: an instance
/// may protect a disk, or be newer than this crate.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The whole answer.
    pub raw: Value,
    /// The name of the instance in its vault.
    pub name: String,
    /// Whether and how the datasource is protected.
    pub protection_state: ProtectionState,
    /// How far the last write of the resource got; `Succeeded` does not mean protected.
    pub provisioning_state: Option<String>,
    /// The resource id of what is protected.
    pub datasource_id: Option<String>,
    /// The resource id of the policy.
    pub policy_id: Option<String>,
    /// The URI of the Key Vault secret.
    pub secret_uri: Option<String>,
    /// The resource id of the user-assigned identity; nothing means the vault's system-assigned one.
    pub identity_id: Option<String>,
    /// The tags of the instance.
    pub tags: BTreeMap<String, String>,
    /// Why protection does not work, in Azure's words.
    pub protection_error: Option<ServiceError>,
}

impl Instance {
    /// Reads an instance from the body of an answer; nothing if it has no `properties`.
    pub fn parse(raw: Value) -> Option<Self> {
        let properties = member(&raw, "properties").filter(|properties| properties.is_object())?;
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let at = |names: &[&str], name: &str| owned(path(properties, names).and_then(|value| text(value, name)));
        let identity = member(properties, "identityDetails");
        let system_assigned = identity.and_then(|identity| member(identity, "useSystemAssignedIdentity"));
        let error = member(properties, "protectionErrorDetails")
            .or_else(|| path(properties, &["protectionStatus", "errorDetails"]));
        Some(Self {
            name: owned(text(&raw, "name")).unwrap_or_default(),
            protection_state: text(properties, "currentProtectionState").unwrap_or_default().into(),
            provisioning_state: owned(text(properties, "provisioningState")),
            datasource_id: at(&["dataSourceInfo"], "resourceID"),
            policy_id: at(&["policyInfo"], "policyId"),
            secret_uri: at(&["datasourceAuthCredentials", "secretStoreResource"], "uri"),
            identity_id: at(&["identityDetails"], "userAssignedIdentityArmUrl")
                .filter(|_| system_assigned != Some(&Value::Bool(true))),
            tags: tags(&raw),
            protection_error: error.and_then(ServiceError::decode),
            raw,
        })
    }

    /// What is protected, if it is a PostgreSQL datasource.
    pub fn datasource(&self) -> Option<DatasourceId> {
        self.datasource_id.as_deref()?.parse().ok()
    }

    /// The policy.
    pub fn policy(&self) -> Option<PolicyId> {
        self.policy_id.as_deref()?.parse().ok()
    }

    /// The Key Vault secret, if its URI has no version.
    pub fn secret(&self) -> Option<SecretUri> {
        self.secret_uri.as_deref()?.parse().ok()
    }

    /// The user-assigned identity.
    pub fn identity(&self) -> Option<UserAssignedIdentityId> {
        self.identity_id.as_deref()?.parse().ok()
    }

    /// The value of a tag. Azure ignores the case of tag names.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

fn tags(raw: &Value) -> BTreeMap<String, String> {
    let tags = member(raw, "tags").and_then(Value::as_object);
    tags.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Defines the known states once.
macro_rules! states {
    ($($(#[$doc:meta])* $state:ident),+ $(,)?) => {
        /// The state of protection: `currentProtectionState`.
        ///
        /// An open set. The service shows values its own schema lacks, such as `BackupsSuspended`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum ProtectionState {
            $($(#[$doc])* $state,)+
            /// A state this crate does not know, as Azure spelled it.
            Unknown(String),
        }

        impl ProtectionState {
            /// Every state this crate knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$state),+];

            /// The state as Azure spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$state => stringify!($state),)+
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for ProtectionState {
            /// Ignores case.
            fn from(text: &str) -> Self {
                let known = Self::KNOWN.iter().find(|state| state.as_str().eq_ignore_ascii_case(text));
                known.cloned().unwrap_or_else(|| Self::Unknown(text.to_owned()))
            }
        }
    };
}

states! {
    /// Something is wrong with the request.
    Invalid,
    /// Not protected.
    NotProtected,
    /// Protection is being set up; takes about a minute after the PUT's operation has succeeded.
    ConfiguringProtection,
    /// Protected. The only state that means so.
    ProtectionConfigured,
    /// Backups are suspended; the schema's word.
    BackupSchedulesSuspended,
    /// Backups are suspended; the word on the wire.
    BackupsSuspended,
    /// Expiry of recovery points is suspended.
    RetentionSchedulesSuspended,
    /// Backups were stopped; the recovery points are kept.
    ProtectionStopped,
    /// Protection was set up and does not work, or could not be set up for want of something.
    ProtectionError,
    /// Protection could not be set up.
    ConfiguringProtectionFailed,
    /// Being deleted, into soft delete.
    SoftDeleting,
    /// Deleted, and can be undeleted.
    SoftDeleted,
    /// A change, of the policy for instance, is being carried out.
    UpdatingProtection,
}

impl fmt::Display for ProtectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
