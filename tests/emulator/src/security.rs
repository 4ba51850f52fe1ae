//! How a vault guards its backups: soft delete, immutability, and a resource guard.

use serde::{Deserialize, Serialize};

use crate::id::ResourceId;

/// A vault's soft-delete setting.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SoftDelete {
    /// Whether deleted backup instances are kept for a while.
    pub state: SoftDeleteState,
    /// For how many days.
    #[serde(default = "two_weeks")]
    pub retention_duration_in_days: u16,
}

fn two_weeks() -> u16 {
    14
}

impl Default for SoftDelete {
    /// A new vault's setting: on, for 14 days.
    fn default() -> Self {
        Self { state: SoftDeleteState::On, retention_duration_in_days: two_weeks() }
    }
}

/// The states of soft delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoftDeleteState {
    /// A DELETE with an api-version before 2025-09-01 is final.
    Off,
    /// Deleted instances are kept.
    On,
    /// Kept, and the setting cannot be changed any more.
    AlwaysOn,
}

/// What stands in the way of critical operations in a vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultSecurity {
    /// The vault.
    pub vault: ResourceId,
    /// Whether recovery points can be deleted before they expire.
    #[serde(default)]
    pub immutability: Immutability,
    /// The resource guard that the vault is mapped to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_guard: Option<ResourceGuard>,
}

/// `securitySettings.immutabilitySettings.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Immutability {
    /// An instance is deleted with its recovery points.
    #[default]
    Disabled,
    /// An instance with recovery points that have not expired is not deleted.
    Unlocked,
    /// The same, and it cannot be switched off any more.
    Locked,
}

/// A resource guard, as the mapping of a vault names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceGuard {
    /// The guard's ARM id.
    pub id: ResourceId,
    /// Whether callers hold Backup MUA Operator on the guard.
    #[serde(default = "yes")]
    pub permits_callers: bool,
}

fn yes() -> bool {
    true
}
