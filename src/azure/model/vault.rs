//! A Backup vault as Azure shows it.

use crate::azure::json::{member, path, text};
use crate::azure::version::ApiVersion;
use serde_json::Value;

/// What is of interest about a Backup vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The region of the vault, which is also that of everything it protects.
    pub location: String,
    /// What the vault itself says of soft delete.
    pub soft_delete: SoftDelete,
    /// For how many days a deleted backup instance can be undeleted; nothing if Azure does not say. A vault whose soft delete
    /// is off shows 0, which is not kept either.
    pub soft_delete_retention_days: Option<u32>,
    /// Whether recovery points can be deleted before they expire.
    pub immutability: Immutability,
    /// Whether stopping, deleting and the like need the approval of a resource guard (multi-user authorization); not so where
    /// Azure does not say.
    pub is_protected_by_resource_guard: bool,
    /// The object id of the system-assigned identity: whom to grant roles.
    pub principal_id: Option<String>,
}

/// Whether deleted backup instances can be undeleted: `securitySettings.softDeleteSettings.state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SoftDelete {
    /// Soft delete is off. With an api-version from 2025-09-01 on, Azure soft-deletes all the same.
    Off,
    /// Soft delete is on.
    On,
    /// Soft delete is on and can never be turned off.
    AlwaysOn,
    /// Not shown: the api-version or the vault is older than the setting.
    NotShown,
    /// A state this crate does not know.
    Unknown(String),
}

/// Whether recovery points are safe from deletion before they expire: `securitySettings.immutabilitySettings.state`.
///
/// Unless it is disabled, Azure refuses to delete a backup instance that has such recovery points; stopping protection
/// works (Learn, "About Immutable vault for Azure Backup").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Immutability {
    /// The vault is not immutable.
    Disabled,
    /// The vault is immutable, and that can be undone.
    Unlocked,
    /// The vault is immutable forever.
    Locked,
    /// Not shown: the api-version or the vault is older than the setting.
    NotShown,
    /// A state this crate does not know.
    Unknown(String),
}

impl Vault {
    /// Reads a vault from the body of an answer; nothing if it has no `location`.
    pub fn parse(raw: &Value) -> Option<Self> {
        let security = path(raw, &["properties", "securitySettings"]);
        let settings = |name: &str| security.and_then(|security| member(security, name));
        let soft_delete = settings("softDeleteSettings");
        let guarded = path(raw, &["properties", "isVaultProtectedByResourceGuard"]);
        Some(Self {
            location: text(raw, "location")?.to_owned(),
            soft_delete: SoftDelete::parse(soft_delete),
            soft_delete_retention_days: soft_delete
                .and_then(|settings| member(settings, "retentionDurationInDays"))
                .and_then(whole_days),
            immutability: Immutability::parse(settings("immutabilitySettings")),
            is_protected_by_resource_guard: guarded == Some(&Value::Bool(true)),
            principal_id: member(raw, "identity").and_then(|identity| text(identity, "principalId")).map(str::to_owned),
        })
    }

    /// Whether a DELETE sent with this api-version can be undone: where Azure soft-deletes whatever the vault says, or the
    /// vault says that it does. A vault that does not say, or says something unknown, is not relied on.
    pub fn delete_is_reversible(&self, version: ApiVersion) -> bool {
        version.always_soft_deletes() || matches!(self.soft_delete, SoftDelete::On | SoftDelete::AlwaysOn)
    }
}

impl SoftDelete {
    fn parse(settings: Option<&Value>) -> Self {
        let Some(state) = settings.and_then(|settings| text(settings, "state")) else { return Self::NotShown };
        match state.to_ascii_lowercase().as_str() {
            "off" => Self::Off,
            "on" => Self::On,
            "alwayson" => Self::AlwaysOn,
            _ => Self::Unknown(state.to_owned()),
        }
    }
}

impl Immutability {
    fn parse(settings: Option<&Value>) -> Self {
        let Some(state) = settings.and_then(|settings| text(settings, "state")) else { return Self::NotShown };
        match state.to_ascii_lowercase().as_str() {
            "disabled" => Self::Disabled,
            "unlocked" => Self::Unlocked,
            "locked" => Self::Locked,
            _ => Self::Unknown(state.to_owned()),
        }
    }
}

/// A number of days, which Azure writes as `14.0`; a part of a day does not count.
fn whole_days(days: &Value) -> Option<u32> {
    // The conversion is saturating: nonsense becomes 0 or the largest number.
    days.as_f64().map(|days| days as u32).filter(|days| (1..u32::MAX).contains(days))
}
