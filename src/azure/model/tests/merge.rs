//! What is sent for an instance that is there.

use super::*;

#[test]
fn a_change_keeps_what_is_not_ours() {
    let current = json!({
        "id": "/subscriptions/x", "name": "orders-1", "type": "T", "systemData": { "createdBy": "somebody" },
        "tags": { "team": "shop", "PGBACKUP-owner": "other" },
        "properties": {
            "friendlyName": "Their name", "objectType": "BackupInstance", "newMember": [1],
            "DataSourceInfo": { "resourceID": "/theirs" },
            "policyInfo": { "policyID": "/old", "policyVersion": "3", "policyParameters": { "list": [2] } },
            "protectionStatus": { "status": "ProtectionError" }, "currentProtectionState": "ProtectionError",
            "protectionErrorDetails": { "code": "X" }, "provisioningState": "Succeeded",
            "datasourceAuthCredentials": { "secretStoreResource": { "value": null } },
        },
    });
    let request = flexible();
    let expected = json!({
        "tags": { "team": "shop", "pgbackup-owner": "cluster/shop/orders" },
        "properties": {
            "friendlyName": "Their name", "objectType": "BackupInstance", "newMember": [1],
            "DataSourceInfo": { "resourceID": "/theirs" },
            "policyInfo": { "policyId": request.policy.to_string(), "policyParameters": { "list": [2] } },
        },
    });
    assert_eq!(request.merged_into(&current, ApiVersion::default()), expected);
}

#[test]
fn changing_the_policy_sends_what_was_recorded_but_for_the_owner() {
    let before = &recorded(CHANGE, "response", "GET", "backupInstances")[0];
    let put = &recorded(CHANGE, "request", "PUT", "backupInstances")[0];
    let policy = put["properties"]["policyInfo"]["policyId"].as_str().unwrap().parse().unwrap();
    let body = InstanceRequest { policy, ..flexible() }.merged_into(before, ApiVersion::V2024_04_01);
    assert_eq!(body["properties"], put["properties"]);
    assert_eq!(body["tags"], json!({ "pgbackup-owner": "cluster/shop/orders" }));
}

#[test]
fn an_identity_is_taken_away_by_asking_for_the_system_assigned_one() {
    let with = |identity: Value| json!({ "properties": { "identityDetails": identity } });
    let merged = |current: Value| {
        flexible().merged_into(&current, ApiVersion::default())["properties"]["identityDetails"].clone()
    };
    let set = json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": "/id" });
    assert_eq!(merged(with(set)), json!({ "useSystemAssignedIdentity": true }));
    assert_eq!(merged(with(Value::Null)), Value::Null);
    assert_eq!(merged(json!({ "properties": {} })), Value::Null);
}
