//! A Backup vault as Azure shows it.

use crate::azure::json::{member, path, text};
use serde_json::Value;

/// What is of interest about a Backup vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The region of the vault, which is also that of everything it protects.
    pub location: String,
    /// What the vault itself says of soft delete.
    pub soft_delete: SoftDelete,
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

impl Vault {
    /// Reads a vault from the body of an answer; nothing if it has no `location`.
    pub fn parse(raw: &Value) -> Option<Self> {
        let settings = path(raw, &["properties", "securitySettings", "softDeleteSettings"]);
        let soft_delete = match settings.and_then(|settings| text(settings, "state")) {
            None => SoftDelete::NotShown,
            Some(state) => match state.to_ascii_lowercase().as_str() {
                "off" => SoftDelete::Off,
                "on" => SoftDelete::On,
                "alwayson" => SoftDelete::AlwaysOn,
                _ => SoftDelete::Unknown(state.to_owned()),
            },
        };
        Some(Self {
            location: text(raw, "location")?.to_owned(),
            soft_delete,
            principal_id: member(raw, "identity").and_then(|identity| text(identity, "principalId")).map(str::to_owned),
        })
    }
}
