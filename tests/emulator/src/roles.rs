//! Roles: which actions they permit, and to whom they are assigned.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::scope::Scope;

/// A role on a scope and everything below it, for one principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// The object id of the principal.
    pub principal_id: Uuid,
    /// Where.
    pub scope: Scope,
    /// What.
    pub role: Role,
}

/// A built-in role by its name, or a custom one by its actions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a role is \"Backup Contributor\", \"Backup Operator\", \"Backup Reader\", \"Reader\", or {\"actions\": [...], \"notActions\": [...]}"
)]
pub enum Role {
    /// One that every tenant has.
    BuiltIn(BuiltInRole),
    /// One that was made for a purpose.
    Custom(CustomRole),
}

/// The built-in roles that have to do with Backup vaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BuiltInRole {
    /// Manages backups, deletes and undeletes instances. It may not stop protection for good, sync, or resume backups.
    #[serde(rename = "Backup Contributor")]
    BackupContributor,
    /// Manages backups, but removes none.
    #[serde(rename = "Backup Operator")]
    BackupOperator,
    /// Sees everything of a vault.
    #[serde(rename = "Backup Reader")]
    BackupReader,
    /// Sees everything.
    Reader,
}

/// A role definition, as far as management operations go. In both lists `*` stands for any text, and case does not
/// matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomRole {
    /// What is permitted, such as `Microsoft.DataProtection/backupVaults/*/read`.
    pub actions: Vec<String>,
    /// What is not permitted nevertheless. (Another role may permit it.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_actions: Vec<String>,
}

/// What Backup Reader permits, of the actions that this emulator has. These lists are from Microsoft's reference of
/// built-in roles, <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage>.
const BACKUP_READER: [&str; 8] = [
    "Microsoft.DataProtection/backupVaults/read",
    "Microsoft.DataProtection/backupVaults/backupInstances/read",
    "Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
    "Microsoft.DataProtection/backupVaults/backupPolicies/read",
    "Microsoft.DataProtection/backupVaults/operationResults/read",
    "Microsoft.DataProtection/backupVaults/operationStatus/read",
    "Microsoft.DataProtection/locations/operationResults/read",
    "Microsoft.DataProtection/locations/operationStatus/read",
];

/// What Backup Operator permits beyond that.
const BACKUP_OPERATOR: [&str; 7] = [
    "Microsoft.DataProtection/backupVaults/validateForBackup/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/write",
    "Microsoft.DataProtection/backupVaults/backupInstances/validateForModifyBackup/action",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/read",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/write",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/delete",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/unlockDelete/action",
];

/// What Backup Contributor permits beyond that.
const BACKUP_CONTRIBUTOR: [&str; 4] = [
    "Microsoft.DataProtection/backupVaults/backupInstances/delete",
    "Microsoft.DataProtection/backupVaults/backupInstances/suspendBackups/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/resumeProtection/action",
    "Microsoft.DataProtection/backupVaults/deletedBackupInstances/undelete/action",
];

impl Role {
    /// Whether the role permits an action, such as `Microsoft.DataProtection/backupVaults/read`.
    pub fn permits(&self, action: &str) -> bool {
        match self {
            Self::BuiltIn(role) => role.actions().iter().any(|list| matches_any(list, action)),
            Self::Custom(role) => matches_any(&role.actions, action) && !matches_any(&role.not_actions, action),
        }
    }
}

impl BuiltInRole {
    fn actions(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::BackupContributor => &[&BACKUP_READER, &BACKUP_OPERATOR, &BACKUP_CONTRIBUTOR],
            Self::BackupOperator => &[&BACKUP_READER, &BACKUP_OPERATOR],
            Self::BackupReader => &[&BACKUP_READER],
            Self::Reader => &[&["*/read"]],
        }
    }
}

impl From<BuiltInRole> for Role {
    fn from(role: BuiltInRole) -> Self {
        Self::BuiltIn(role)
    }
}

fn matches_any(patterns: &[impl AsRef<str>], action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    patterns.iter().any(|pattern| matches(&pattern.as_ref().to_ascii_lowercase(), &action))
}

/// `*` in the pattern stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    (0..=text.len()).any(|start| text.get(start..).is_some_and(|tail| matches(rest, tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_any_text() {
        let table = [
            ("*", "", true),
            ("*/read", "a/b/read", true),
            ("*/read", "a/b/reads", false),
            ("a/*/read", "a/b/c/read", true),
            ("a/*/read", "a/read", false),
            ("a/*", "ab", false),
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn not_actions_take_away_and_case_does_not_matter() {
        let role = Role::Custom(CustomRole {
            actions: vec!["microsoft.dataprotection/*".to_owned()],
            not_actions: vec!["*/DELETE".to_owned()],
        });
        assert!(role.permits("Microsoft.DataProtection/backupVaults/read"));
        assert!(!role.permits("Microsoft.DataProtection/backupVaults/backupInstances/delete"));
        assert!(!role.permits("Microsoft.KeyVault/vaults/read"));
    }
}
