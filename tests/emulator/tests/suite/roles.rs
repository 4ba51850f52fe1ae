//! What the built-in roles permit, as Microsoft lists it.

use azure_emulator::{BuiltInRole, Role};
use serde_json::json;

/// For each action below `Microsoft.DataProtection/`: whether Reader, Backup Reader, Backup Operator and Backup
/// Contributor permit it. Source: Microsoft's reference of built-in roles, as of July 2026.
const TABLE: [(&str, [bool; 4]); 23] = [
    ("backupVaults/read", [true, true, true, true]),
    ("backupVaults/validateForBackup/action", [false, false, true, true]),
    ("backupVaults/backupInstances/read", [true, true, true, true]),
    ("backupVaults/backupInstances/write", [false, false, true, true]),
    ("backupVaults/backupInstances/delete", [false, false, false, true]),
    ("backupVaults/backupInstances/stopProtection/action", [false, false, false, false]),
    ("backupVaults/backupInstances/suspendBackups/action", [false, false, false, true]),
    ("backupVaults/backupInstances/SuspendBackups/action", [false, false, false, true]),
    ("backupVaults/backupInstances/resumeProtection/action", [false, false, false, true]),
    ("backupVaults/backupInstances/resumeBackups/action", [false, false, false, false]),
    ("backupVaults/backupInstances/sync/action", [false, false, false, false]),
    ("backupVaults/backupInstances/validateForModifyBackup/action", [false, false, true, true]),
    ("backupVaults/deletedBackupInstances/read", [true, true, true, true]),
    ("backupVaults/deletedBackupInstances/undelete/action", [false, false, false, true]),
    ("backupVaults/backupPolicies/read", [true, true, true, true]),
    ("backupVaults/operationStatus/read", [true, true, true, true]),
    ("backupVaults/operationResults/read", [true, true, true, true]),
    ("locations/operationStatus/read", [true, true, true, true]),
    ("locations/operationResults/read", [true, true, true, true]),
    ("backupVaults/backupResourceGuardProxies/read", [true, false, true, true]),
    ("backupVaults/backupResourceGuardProxies/write", [false, false, true, true]),
    ("backupVaults/backupResourceGuardProxies/delete", [false, false, true, true]),
    ("backupVaults/backupResourceGuardProxies/unlockDelete/action", [false, false, true, true]),
];

#[test]
fn built_in_roles_permit_what_microsoft_lists() {
    let roles =
        [BuiltInRole::Reader, BuiltInRole::BackupReader, BuiltInRole::BackupOperator, BuiltInRole::BackupContributor];
    for (action, expected) in TABLE {
        let permits = roles.map(|role| Role::from(role).permits(&format!("Microsoft.DataProtection/{action}")));
        assert_eq!(permits, expected, "{action}");
    }
}

#[test]
fn a_role_is_written_by_its_name_or_by_its_actions() {
    let good = [
        json!("Backup Contributor"),
        json!("Backup Operator"),
        json!("Backup Reader"),
        json!("Reader"),
        json!({ "actions": ["*/read"] }),
        json!({ "actions": ["*"], "notActions": ["*/delete"] }),
    ];
    for text in good {
        let role: Role = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(serde_json::to_value(role).unwrap(), text);
    }
    for text in [json!("Owner"), json!("backup reader"), json!({ "actions": ["*"], "dataActions": [] }), json!({})] {
        let error = serde_json::from_value::<Role>(text.clone()).unwrap_err().to_string();
        assert!(error.contains("a role is \"Backup Contributor\""), "{text}: {error}");
    }
}
