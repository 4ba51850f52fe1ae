//! The admin API for what people and Azure do to backup instances, over HTTP requests to the engine.

use azure_emulator::{ProtectionState, Request};
use http::Method;
use serde_json::{Value, json};

use crate::common::Run;
use crate::fixture::{
    VERSION, flexible, group, instance_id, protected, put, server, state, url, validate, vault_id, world,
};

fn admin(run: &mut Run, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::new(method, &format!("/_admin/{path}")).with_json(body);
    let response = run.engine.handle(run.now, &request);
    (response.status.as_u16(), response.body_json())
}

fn properties(run: &mut Run) -> Value {
    run.get(&url("/backupInstances/one", VERSION)).body_json()["properties"].clone()
}

#[test]
fn any_state_is_shown_with_its_error() {
    let error = json!({
        "code": "UserErrorServerConnectionClosed", "message": "The server closed the connection.",
        "recommendedAction": ["Retry."], "detail": "in the middle of it",
    });
    let states = ProtectionState::known().map(|state| state.to_string());
    for state in states.chain(["SomethingNew".to_owned(), "protectionconfigured".to_owned()]) {
        let mut run = protected();
        let body = json!({ "id": instance_id(), "state": state, "error": error, "provisioningState": "Failed" });
        assert_eq!(admin(&mut run, Method::PATCH, "instances", &body).0, 204, "{state}");
        let shown = properties(&mut run);
        assert_eq!(
            (&shown["currentProtectionState"], &shown["protectionStatus"]["status"]),
            (&json!(state), &json!(state))
        );
        assert_eq!(shown["provisioningState"], "Failed");
        let details = &shown["protectionErrorDetails"];
        assert_eq!(details["code"], error["code"]);
        assert_eq!(details["innerError"]["additionalInfo"]["DetailedNonLocalisedMessage"], error["detail"]);
        assert_eq!(details, &shown["protectionStatus"]["errorDetails"]);
        // A state without an error has none.
        let body = json!({ "id": instance_id(), "state": "ProtectionConfigured" });
        assert_eq!(admin(&mut run, Method::PATCH, "instances", &body).0, 204);
        assert_eq!(properties(&mut run).get("protectionErrorDetails"), None);
    }
}

#[test]
fn policy_tags_and_datasource_are_changed_behind_the_owners_back() {
    let mut run = protected();
    let other = format!("{}2", server());
    let body = json!({
        "id": instance_id(), "policy": "monthly", "tags": { "team": "other" }, "datasource": other, "friendlyName": "x",
    });
    assert_eq!(admin(&mut run, Method::PATCH, "instances", &body).0, 204);
    let shown = run.get(&url("/backupInstances/one", VERSION)).body_json();
    assert_eq!(shown["tags"], json!({ "team": "other" }));
    assert_eq!(shown["properties"]["friendlyName"], "x");
    assert_eq!(shown["properties"]["dataSourceInfo"]["resourceID"], other);
    let policy = shown["properties"]["policyInfo"]["policyId"].as_str().unwrap().to_owned();
    assert!(policy.ends_with("/backupPolicies/monthly"));
    // What nobody touched stays.
    assert_eq!(shown["properties"]["currentProtectionState"], "ProtectionConfigured");
}

#[test]
fn an_instance_is_made_and_deleted_in_the_portal() {
    let mut run = Run::new(world());
    let body = json!({ "id": instance_id(), "datasource": server(), "policy": "weekly", "tags": { "a": "b" } });
    assert_eq!(admin(&mut run, Method::PUT, "instances", &body).0, 204);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    run.wait_seconds(24 * 3600);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    let (_, listed) = admin(&mut run, Method::GET, "instances", &Value::Null);
    assert_eq!(listed[0]["name"], "one");
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, "UserErrorDppDatasourceAlreadyProtected");
    assert_eq!(put(&mut run, &flexible()).status, 201, "it can be adopted");

    let elsewhere =
        json!({ "id": format!("{}x/backupInstances/y", vault_id()), "datasource": server(), "policy": "p" });
    let refused = [
        (Method::PUT, json!({ "id": instance_id() }), 400),
        (Method::PUT, elsewhere, 404),
        (Method::PUT, json!({ "id": group("g"), "datasource": server(), "policy": "p" }), 400),
        (Method::PATCH, json!({ "id": format!("{}2", instance_id()), "state": "Invalid" }), 404),
        (Method::PATCH, json!({ "id": instance_id(), "colour": "red" }), 400),
        (Method::PATCH, json!({ "id": instance_id(), "state": "x".repeat(64) }), 400),
        (Method::DELETE, json!({ "id": format!("{}2", instance_id()) }), 404),
        (Method::POST, json!({}), 404),
    ];
    for (method, body, status) in refused {
        assert_eq!(admin(&mut run, method.clone(), "instances", &body).0, status, "{method} {body}");
    }
    assert_eq!(admin(&mut run, Method::DELETE, "instances", &json!({ "id": instance_id() })).0, 204);
    assert_eq!(run.get(&url("/deletedBackupInstances/one", VERSION)).status, 200);
}

#[test]
fn settings_and_security_are_set() {
    let mut run = protected();
    let settings = json!({ "putOnStopped": "refused", "permissionDelaySeconds": 60, "throttling": "tokenBuckets" });
    let (status, all) = admin(&mut run, Method::PUT, "settings", &settings);
    assert_eq!((status, &all["putOnStopped"], &all["putOnFailed"]), (200, &json!("refused"), &json!("configures")));
    assert_eq!(admin(&mut run, Method::GET, "settings", &Value::Null).1, all);
    assert_eq!(admin(&mut run, Method::PUT, "settings", &json!({ "putOnStopped": "sometimes" })).0, 400);
    assert_eq!(admin(&mut run, Method::PUT, "settings", &json!({ "pageSize": 0 })).0, 400);
    let (_, defaults) = admin(&mut run, Method::PUT, "settings", &json!({}));
    assert_eq!((&defaults["throttling"], defaults.get("pageSize")), (&json!("off"), None));

    let security = json!({ "vault": vault_id(), "immutability": "Locked", "resourceGuard": {
        "id": format!("{}/providers/Microsoft.DataProtection/resourceGuards/g", group("security")),
    }});
    assert_eq!(admin(&mut run, Method::PUT, "vault-security", &security).0, 204);
    let vault = run.get(&url("", VERSION)).body_json();
    assert_eq!(vault["properties"]["isVaultProtectedByResourceGuard"], true);
    let days = json!({ "id": instance_id(), "recoveryPointDays": 0 });
    assert_eq!(admin(&mut run, Method::PATCH, "instances", &days).0, 204);
    // The seed of what is there now can be read back.
    let (_, world) = admin(&mut run, Method::GET, "world", &Value::Null);
    assert_eq!(admin(&mut run, Method::PUT, "world", &world["world"]).0, 204);
}

#[test]
fn requests_are_counted_with_and_without_a_journal() {
    let mut run = protected();
    let journal = |run: &mut Run| admin(run, Method::GET, "journal", &Value::Null).1;
    assert_eq!(admin(&mut run, Method::DELETE, "traffic", &Value::Null).0, 204);
    assert_eq!(admin(&mut run, Method::PUT, "settings", &json!({ "journal": "off" })).0, 200);
    let before = journal(&mut run);
    for name in ["one", "one", "none"] {
        run.get(&url(&format!("/backupInstances/{name}"), VERSION));
    }
    assert_eq!(journal(&mut run), before);
    let (_, traffic) = admin(&mut run, Method::GET, "traffic", &Value::Null);
    let expected = json!([
        { "kind": "getInstance", "status": 200, "count": 2 },
        { "kind": "getInstance", "status": 404, "count": 1 },
    ]);
    assert_eq!(traffic["requests"], expected);
    assert_eq!(traffic["last"], json!(run.now));
}
