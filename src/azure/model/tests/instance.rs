//! What is read.

use super::*;

#[test]
fn a_recorded_instance_is_read() {
    let read: Vec<Instance> = recorded(SINGLE, "response", "GET", "backupInstances")
        .into_iter()
        .map(|body| Instance::parse(body).unwrap())
        .collect();
    let states: Vec<&str> = read.iter().map(|instance| instance.protection_state.as_str()).collect();
    assert_eq!(states, ["ConfiguringProtection", "ProtectionConfigured"]);
    let instance = &read[1];
    assert_eq!(instance.name, "oss-clitest-server-postgres-faec6818-0720-11ec-bd1b-c8f750f92764");
    assert_eq!(instance.provisioning_state.as_deref(), Some("Succeeded"));
    assert_eq!(instance.datasource().unwrap().database_name(), Some("postgres"));
    assert_eq!(instance.policy().unwrap().name().as_str(), "osspolicy");
    assert_eq!(instance.secret().unwrap().host(), "oss-clitest-keyvault.vault.azure.net");
    assert_eq!((instance.identity(), &instance.protection_error), (None, &None));
}

#[test]
fn an_instance_of_another_kind_is_read_too() {
    let blob = &recorded(CHANGE, "response", "GET", "backupInstances")[0];
    let instance = Instance::parse(blob.clone()).unwrap();
    assert_eq!(instance.datasource(), None);
    assert!(instance.datasource_id.unwrap().contains("Microsoft.Storage/storageAccounts"));
}

#[test]
fn an_instance_is_read_leniently() {
    let odd = json!({
        "NAME": "n", "tags": { "A": "1", "b": 2 },
        "Properties": {
            "DATASOURCEINFO": { "resourceId": "/x" }, "policyInfo": null, "provisioningState": 3,
            "protectionStatus": { "status": "backupssuspended", "errorDetails": { "code": "C", "message": "M" } },
            "identityDetails": { "useSystemAssignedIdentity": true, "userAssignedIdentityArmUrl": "/left-over" },
        },
    });
    let instance = Instance::parse(odd.clone()).unwrap();
    assert_eq!(instance.raw, odd);
    assert_eq!((instance.name.as_str(), instance.tag("a"), instance.tag("b")), ("n", Some("1"), None));
    assert_eq!(instance.datasource_id.as_deref(), Some("/x"));
    assert_eq!((instance.policy_id, instance.provisioning_state, instance.identity_id), (None, None, None));
    assert_eq!(
        instance.protection_state,
        ProtectionState::Unknown(String::new()),
        "only currentProtectionState counts"
    );
    assert_eq!(instance.protection_error.unwrap().code, "C");
    let mut claimed = odd.clone();
    claimed["Properties"]["protectionStatus"]["status"] = json!("ProtectionConfigured");
    let instance = Instance::parse(claimed).unwrap();
    assert_ne!(
        instance.protection_state,
        ProtectionState::ProtectionConfigured,
        "protectionStatus alone proves nothing"
    );
    for nothing in [json!(null), json!([]), json!({}), json!({ "properties": [] })] {
        assert_eq!(Instance::parse(nothing), None);
    }
}

#[test]
fn states_are_an_open_set() {
    let known = [
        "Invalid",
        "NotProtected",
        "ConfiguringProtection",
        "ProtectionConfigured",
        "BackupSchedulesSuspended",
        "BackupsSuspended",
        "RetentionSchedulesSuspended",
        "ProtectionStopped",
        "ProtectionError",
        "ConfiguringProtectionFailed",
        "SoftDeleting",
        "SoftDeleted",
        "UpdatingProtection",
    ];
    assert_eq!(known.len(), ProtectionState::KNOWN.len());
    for text in known {
        let state = ProtectionState::from(text);
        assert!(!matches!(state, ProtectionState::Unknown(_)), "{text}");
        assert_eq!(state.to_string(), text);
        assert_eq!(state, text.to_uppercase().as_str().into());
    }
    for text in ["", "Rebalancing"] {
        assert_eq!(ProtectionState::from(text), ProtectionState::Unknown(text.to_owned()));
    }
}
