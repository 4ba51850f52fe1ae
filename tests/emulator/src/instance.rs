//! A backup instance as it stands, and how it looks on the wire.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::errors::{Incident, UserFacingInfo};
use crate::id::ResourceId;
use crate::spec::{AuthCredentials, DatasourceInfo, IdentityDetails, InstanceSpec, PolicyInfo};
use crate::state::ProtectionState;
use crate::version::{ApiVersion, Feature};

/// Tags, in the order of their names.
pub type Tags = BTreeMap<String, String>;

/// A backup instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The ARM id: the vault's, then the name in the casing of the first PUT.
    pub id: ResourceId,
    /// The vault it is in.
    pub vault: ResourceId,
    /// The tags.
    pub tags: Tags,
    /// What the caller asked for.
    pub spec: InstanceSpec,
    /// How far protection is.
    pub state: ProtectionState,
    /// Whether the operation of the PUT that created it has ended.
    pub provisioning: ProvisioningState,
    /// Why it is in [`ProtectionState::ProtectionError`] or another state that needs a reason.
    pub error: Option<Incident>,
    /// When the last of its recovery points expires, unless new ones are made; `None` when it has none.
    pub(crate) recovery_points_until: Option<Moment>,
    /// Tells this instance from an earlier one of the same name.
    pub(crate) incarnation: u64,
}

/// `provisioningState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProvisioningState {
    /// The operation of the first PUT is running.
    Provisioning,
    /// It has ended, which says nothing about protection.
    Succeeded,
    /// Named in the schema; only the admin API brings it about.
    Updating,
    /// It has failed.
    Failed,
}

/// A soft-deleted instance.
#[derive(Clone, Debug)]
pub struct Tombstone {
    /// What was deleted.
    pub instance: Instance,
    /// When the DELETE was accepted.
    pub deleted_at: Timestamp,
    /// When it goes for good.
    pub purge_at: Timestamp,
    /// The DELETE's correlation id.
    pub activity_id: String,
}

impl Instance {
    /// The instance's name.
    pub fn name(&self) -> &str {
        self.id.name()
    }

    /// The name shown to people.
    pub fn friendly_name(&self) -> &str {
        self.spec.friendly_name.as_deref().unwrap_or_else(|| self.name())
    }

    /// The resource as this api-version shows it.
    pub(crate) fn resource(&self, version: ApiVersion) -> Resource<'_> {
        self.shown_as(self.id.to_string(), "backupInstances", "BackupInstance", version)
    }

    fn shown_as(&self, id: String, collection: &str, object_type: &'static str, version: ApiVersion) -> Resource<'_> {
        let error = || {
            let incident = self.error.as_ref()?;
            Some(incident.error.of_instance(&incident.activity_id))
        };
        let spec = &self.spec;
        Resource {
            tags: Some(&self.tags).filter(|tags| !tags.is_empty() && version.has(Feature::Tags)),
            properties: Properties {
                deletion_info: None,
                friendly_name: self.friendly_name(),
                data_source_info: &spec.datasource,
                data_source_set_info: spec.datasource_set.as_ref(),
                policy_info: &spec.policy,
                protection_status: ProtectionStatus { status: self.state, error_details: error() },
                current_protection_state: self.state,
                protection_error_details: error(),
                provisioning_state: self.provisioning,
                datasource_auth_credentials: spec.credentials.as_ref().filter(|_| version.has(Feature::Credentials)),
                identity_details: spec.identity.as_ref().filter(|_| version.has(Feature::IdentityDetails)),
                object_type,
            },
            id,
            name: self.name(),
            kind: format!("Microsoft.DataProtection/backupVaults/{collection}"),
        }
    }
}

impl Tombstone {
    /// The entry in `deletedBackupInstances`.
    pub(crate) fn resource(&self, version: ApiVersion) -> Resource<'_> {
        const COLLECTION: &str = "deletedBackupInstances";
        let id = self.instance.vault.child(COLLECTION, self.instance.name());
        let mut resource = self.instance.shown_as(id.to_string(), COLLECTION, "DeletedBackupInstance", version);
        resource.properties.deletion_info = Some(DeletionInfo {
            deletion_time: timestamp(self.deleted_at),
            billing_end_date: timestamp(self.deleted_at),
            scheduled_purge_time: timestamp(self.purge_at),
            activity_id: &self.activity_id,
        });
        resource
    }
}

/// A time as .NET writes it: in units of 100 ns, without trailing zeros.
pub(crate) fn timestamp(time: Timestamp) -> String {
    let ticks = time.subsec_nanosecond() / 100;
    let seconds = time.strftime("%Y-%m-%dT%H:%M:%S");
    if ticks == 0 {
        format!("{seconds}Z")
    } else {
        format!("{}Z", format!("{seconds}.{ticks:07}").trim_end_matches('0'))
    }
}

// The wire form, with the members in the order of the recordings.

/// `BackupInstanceResource` and `DeletedBackupInstanceResource`.
#[derive(Serialize)]
pub(crate) struct Resource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Tags>,
    properties: Properties<'a>,
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_info: Option<DeletionInfo<'a>>,
    friendly_name: &'a str,
    data_source_info: &'a DatasourceInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_source_set_info: Option<&'a DatasourceInfo>,
    policy_info: &'a PolicyInfo,
    protection_status: ProtectionStatus<'a>,
    current_protection_state: ProtectionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection_error_details: Option<UserFacingInfo<'a>>,
    provisioning_state: ProvisioningState,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasource_auth_credentials: Option<&'a AuthCredentials>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_details: Option<&'a IdentityDetails>,
    object_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProtectionStatus<'a> {
    status: ProtectionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<UserFacingInfo<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletionInfo<'a> {
    deletion_time: String,
    billing_end_date: String,
    scheduled_purge_time: String,
    #[serde(rename = "deleteActivityID")]
    activity_id: &'a str,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn times_have_up_to_seven_decimals() {
        for (time, expected) in [
            ("2024-06-26T07:49:49.586715Z", "2024-06-26T07:49:49.586715Z"),
            ("2024-06-26T07:49:42.515338042Z", "2024-06-26T07:49:42.515338Z"),
            ("2024-06-26T07:50:23Z", "2024-06-26T07:50:23Z"),
        ] {
            assert_eq!(timestamp(time.parse().unwrap()), expected);
        }
    }
}
