//! What is read of vaults.

use super::*;

const SECURITY: &str = include_str!("../../../../tests/vectors/azure/vault-security.json");

fn vault_with(properties: Value) -> Vault {
    Vault::parse(&json!({ "location": "westus", "properties": properties })).unwrap()
}

#[test]
fn a_recorded_vault_is_read() {
    let recording: Value = serde_json::from_str(VAULT).unwrap();
    let vault = Vault::parse(&recording["interactions"][0]["response"]["body"]).unwrap();
    let expected = Vault {
        location: "westus2".to_owned(),
        soft_delete: SoftDelete::Off,
        soft_delete_retention_days: None,
        immutability: Immutability::NotShown,
        is_protected_by_resource_guard: false,
        principal_id: Some("00000000-0000-0000-0000-000000000000".to_owned()),
    };
    assert_eq!(vault, expected);
}

#[test]
fn recorded_security_settings() {
    let recording: Value = serde_json::from_str(SECURITY).unwrap();
    let vaults = recording["interactions"].as_array().unwrap().iter();
    let read: Vec<_> = vaults
        .map(|exchange| Vault::parse(&exchange["response"]["body"]).unwrap())
        .map(|vault| (vault.soft_delete, vault.soft_delete_retention_days, vault.immutability))
        .collect();
    let expected = [
        (SoftDelete::Off, Some(14), Immutability::Unlocked),
        (SoftDelete::On, Some(14), Immutability::Unlocked),
        (SoftDelete::AlwaysOn, Some(14), Immutability::Unlocked),
        (SoftDelete::AlwaysOn, Some(14), Immutability::Disabled),
        (SoftDelete::AlwaysOn, Some(14), Immutability::Locked),
    ];
    assert_eq!(read, expected);
}

#[test]
fn states_of_security_are_open_sets() {
    let cases = [
        (json!("On"), SoftDelete::On, Immutability::Unknown("On".to_owned())),
        (json!("alwaysON"), SoftDelete::AlwaysOn, Immutability::Unknown("alwaysON".to_owned())),
        (json!("LOCKED"), SoftDelete::Unknown("LOCKED".to_owned()), Immutability::Locked),
        (json!("unlocked"), SoftDelete::Unknown("unlocked".to_owned()), Immutability::Unlocked),
        (json!("Disabled"), SoftDelete::Unknown("Disabled".to_owned()), Immutability::Disabled),
        (json!(null), SoftDelete::NotShown, Immutability::NotShown),
        (json!(3), SoftDelete::NotShown, Immutability::NotShown),
    ];
    for (state, soft_delete, immutability) in cases {
        let settings = json!({ "softDeleteSettings": { "state": state }, "IMMUTABILITYSETTINGS": { "State": state } });
        let vault = vault_with(json!({ "securitySettings": settings }));
        assert_eq!((vault.soft_delete, vault.immutability), (soft_delete, immutability));
    }
    for settings in
        [json!(null), json!([]), json!("On"), json!({ "softDeleteSettings": "On", "immutabilitySettings": 3 })]
    {
        let vault = vault_with(json!({ "securitySettings": settings }));
        assert_eq!((vault.soft_delete, vault.immutability), (SoftDelete::NotShown, Immutability::NotShown));
    }
    assert_eq!(Vault::parse(&json!({ "properties": {} })), None);
}

#[test]
fn retention_is_whole_days() {
    let cases = [
        (json!(14), Some(14)),
        (json!(14.0), Some(14)),
        (json!(30.9), Some(30)),
        (json!(0.0), None),
        (json!(-14), None),
        (json!(1e300), None),
        (json!("14"), None),
        (json!(null), None),
    ];
    for (days, expected) in cases {
        let settings = json!({ "softDeleteSettings": { "state": "On", "retentionDurationInDays": days } });
        assert_eq!(vault_with(json!({ "securitySettings": settings })).soft_delete_retention_days, expected, "{days}");
    }
}

#[test]
fn only_true_means_guarded() {
    for (value, guarded) in [(json!(true), true), (json!(false), false), (json!(null), false), (json!("true"), false)] {
        let vault = vault_with(json!({ "isVaultProtectedByResourceGuard": value }));
        assert_eq!(vault.is_protected_by_resource_guard, guarded, "{value}");
    }
}

#[test]
fn when_a_delete_can_be_undone() {
    let cases = [
        (json!("On"), true),
        (json!("AlwaysOn"), true),
        (json!("Off"), false),
        (json!("Sometimes"), false),
        (json!(null), false),
    ];
    for (state, reversible) in cases {
        let vault = vault_with(json!({ "securitySettings": { "softDeleteSettings": { "state": state } } }));
        assert_eq!(vault.delete_is_reversible(ApiVersion::V2025_07_01), reversible, "{state}");
        assert!(vault.delete_is_reversible(ApiVersion::V2025_09_01), "{state}");
    }
}
