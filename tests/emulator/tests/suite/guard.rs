//! What stands in the way of a DELETE and of other critical operations: immutability and a resource guard.

use std::time::Duration;

use azure_emulator::{Immutability, ResourceGuard, VaultSecurity};
use http::Method;
use serde_json::{Value, json};

use crate::common::{Run, id};
use crate::fixture::{
    VERSION, act, changed_policy, code, delete, group, instance_id, protected, put, state, url, vault_id,
};

const DENIED: &str = "UserErrorOperationDeniedOnImmutableItem";
const UNAPPROVED: &str = "UserErrorResourceGuardOperationRequestMissing";
const UNLOCK: &str = "/backupResourceGuardProxies/DppResourceGuardProxy/unlockDelete";

fn guard() -> String {
    format!("{}/providers/Microsoft.DataProtection/resourceGuards/guard", group("security"))
}

fn secure(run: &mut Run, immutability: Immutability, permits_callers: Option<bool>) {
    let resource_guard = permits_callers.map(|permits_callers| ResourceGuard { id: id(&guard()), permits_callers });
    let security = VaultSecurity { vault: id(&vault_id()), immutability, resource_guard };
    run.engine.world_mut().put_vault_security(security);
}

fn requests(request: &str) -> Value {
    json!({ "resourceGuardOperationRequests": [format!("{}/{request}/default", guard())] })
}

#[test]
fn an_immutable_vault_keeps_what_has_recovery_points() {
    for (immutability, refused) in
        [(Immutability::Disabled, false), (Immutability::Unlocked, true), (Immutability::Locked, true)]
    {
        let mut run = protected();
        secure(&mut run, immutability, None);
        let settings = &run.get(&url("", VERSION)).body_json()["properties"]["securitySettings"];
        let shown = settings.get("immutabilitySettings").cloned();
        assert_eq!(shown, refused.then(|| json!({ "state": immutability })));
        let response = delete(&mut run);
        let expected = if refused { (400, DENIED) } else { (202, "") };
        assert_eq!((response.status.as_u16(), code(&response).as_str()), expected, "{immutability:?}");
        if refused {
            assert_eq!(state(&mut run), "ProtectionConfigured", "nothing has happened");
            run.wait_seconds(200 * 24 * 3600);
            assert_eq!(code(&delete(&mut run)), DENIED, "as long as backups run, there are new ones");
            // Stopping is not a loss of data; and what has expired can go.
            assert_eq!(act(&mut run, "stopProtection", None).status, 202);
            run.wait_seconds(50);
            run.wait_seconds(90 * 24 * 3600);
            assert_eq!(delete(&mut run).status, 202);
        }
    }
    // What never was protected, or has no recovery points, can go too.
    let mut run = protected();
    secure(&mut run, Immutability::Locked, None);
    run.engine.set_recovery_points(&id(&instance_id()), Some(Duration::from_secs(60)));
    assert_eq!(code(&delete(&mut run)), DENIED);
    run.engine.set_recovery_points(&id(&instance_id()), None);
    assert_eq!(delete(&mut run).status, 202);
}

#[test]
fn a_resource_guard_wants_the_right_request() {
    let table = [
        ("stopProtection", "dppDisableStopProtectionRequests"),
        ("suspendBackups", "dppDisableSuspendBackupsRequests"),
    ];
    for (action, request) in table {
        let mut run = protected();
        secure(&mut run, Immutability::Disabled, Some(true));
        assert_eq!(run.get(&url("", VERSION)).body_json()["properties"]["isVaultProtectedByResourceGuard"], true);
        for body in [None, Some(requests("deleteBackupInstanceRequests"))] {
            let refused = act(&mut run, action, body.as_ref());
            assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (400, UNAPPROVED), "{action}");
            let action = refused.body_json()["error"]["additionalInfo"][0]["info"]["recommendedAction"][0].clone();
            assert!(action.as_str().unwrap().contains(&format!("{}/{request}/default", guard())), "{action}");
        }
        secure(&mut run, Immutability::Disabled, Some(false));
        let refused = act(&mut run, action, Some(&requests(request)));
        assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (403, "LinkedAuthorizationFailed"));
        secure(&mut run, Immutability::Disabled, Some(true));
        assert_eq!(act(&mut run, action, Some(&requests(request))).status, 202, "{action}");
    }

    let mut run = protected();
    secure(&mut run, Immutability::Disabled, Some(true));
    assert_eq!(code(&put(&mut run, &changed_policy())), UNAPPROVED);
    let mut approved = changed_policy();
    approved["resourceGuardOperationRequests"] = requests("dppModifyPolicy")["resourceGuardOperationRequests"].clone();
    assert_eq!(put(&mut run, &approved).status, 201);
    run.wait_seconds(2);
    assert_eq!(put(&mut run, &changed_policy()).status, 201, "the policy stays");
    run.wait_seconds(2);
    assert_eq!(act(&mut run, "resumeProtection", None).status, 200, "not a critical operation");
}

#[test]
fn a_guarded_delete_must_be_unlocked_for_half_an_hour() {
    let mut run = protected();
    secure(&mut run, Immutability::Disabled, Some(true));
    assert_eq!(code(&delete(&mut run)), UNAPPROVED);
    let mut body = requests("deleteResourceGuardProxyRequests");
    body["resourceToBeDeleted"] = json!(instance_id());
    assert_eq!(code(&run.send(Method::POST, &url(UNLOCK, VERSION), Some(&body))), UNAPPROVED, "another request");
    let mut body = requests("deleteBackupInstanceRequests");
    body["resourceToBeDeleted"] = json!(instance_id().replace("/backup/", "/other/"));
    let elsewhere = run.send(Method::POST, &url(UNLOCK, VERSION), Some(&body));
    assert_eq!(code(&elsewhere), "UserErrorInvalidRequestParameter", "another vault's");
    body["resourceToBeDeleted"] = json!(instance_id());
    let unlocked = run.send(Method::POST, &url(UNLOCK, VERSION), Some(&body)).body_json();
    let expiry: jiff::Timestamp = unlocked["unlockDeleteExpiryTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(expiry.as_second() - run.now.as_second(), 1800);
    run.wait_seconds(1801);
    assert_eq!(code(&delete(&mut run)), UNAPPROVED, "too late");
    run.send(Method::POST, &url(UNLOCK, VERSION), Some(&body));
    run.wait_seconds(1799);
    assert_eq!(delete(&mut run).status, 202);
}

#[test]
fn the_mapping_is_seen_made_and_deleted() {
    const MAPPING: &str = "/backupResourceGuardProxies/DppResourceGuardProxy";
    let mut run = protected();
    assert_eq!(run.get(&url(MAPPING, VERSION)).status, 404);
    let body = json!({ "properties": { "resourceGuardResourceId": guard() } });
    assert_eq!(run.send(Method::PUT, &url(MAPPING, VERSION), Some(&body)).status, 200);
    assert_eq!(code(&delete(&mut run)), UNAPPROVED);
    let list = run.get(&url("/backupResourceGuardProxies", VERSION)).body_json();
    assert_eq!(list["value"][0]["properties"]["resourceGuardResourceId"], guard());
    assert_eq!(code(&run.send(Method::DELETE, &url(MAPPING, VERSION), None)), UNAPPROVED);
    let unlock = requests("deleteResourceGuardProxyRequests");
    assert_eq!(run.send(Method::POST, &url(UNLOCK, VERSION), Some(&unlock)).status, 200);
    assert_eq!(run.send(Method::DELETE, &url(MAPPING, VERSION), None).status, 200);
    assert_eq!(delete(&mut run).status, 202);
    assert_eq!(run.get(&url("/backupResourceGuardProxies", "2022-12-01")).status, 404);
}
