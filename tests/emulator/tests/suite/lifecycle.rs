//! How a backup instance comes to be, changes and goes as time passes.

use azure_emulator::{TimeScale, World};
use http::Method;
use serde_json::json;

use crate::common::{Run, grant};
use crate::fixture::{VERSION, flexible, put, server, state, url, validate, vault_id, world};

#[test]
fn an_instance_is_not_changed_while_the_service_is_at_work_on_it() {
    let mut run = Run::new(world());
    assert_eq!(put(&mut run, &flexible()).status, 201);
    run.wait_seconds(5);
    let busy = put(&mut run, &flexible());
    assert_eq!(busy.status, 409, "its operation has ended, but it is being configured");
    run.wait_seconds(70);
    assert_eq!(put(&mut run, &flexible()).status, 201);
    assert_eq!(put(&mut run, &flexible()).status, 409, "while it is being updated");
    run.wait_seconds(2);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    run.send(Method::DELETE, &url("/backupInstances/one", VERSION), None);
    assert_eq!(state(&mut run), "SoftDeleting");
    assert_eq!(put(&mut run, &flexible()).status, 409, "while it is being deleted");
}

#[test]
fn an_update_shows_the_old_policy_until_its_operation_has_ended() {
    let mut run = Run::new(world());
    put(&mut run, &flexible());
    run.wait_seconds(70);
    let mut changed = flexible();
    changed["policyInfo"]["policyId"] = json!(format!("{}/backupPolicies/monthly", vault_id()));
    let response = put(&mut run, &changed).body_json();
    assert_eq!(response["properties"]["policyInfo"], flexible()["policyInfo"]);
    assert_eq!(response["properties"]["currentProtectionState"], "UpdatingProtection");
    assert_eq!(response["properties"]["provisioningState"], "Succeeded");
    run.wait_seconds(2);
    let after = run.get(&url("/backupInstances/one", VERSION)).body_json();
    assert_eq!(after["properties"]["policyInfo"], changed["policyInfo"]);
    assert_eq!(after["properties"]["currentProtectionState"], "ProtectionConfigured");

    let mut other = flexible();
    other["dataSourceInfo"]["resourceID"] = json!(format!("{}2", server()));
    assert_eq!(put(&mut run, &other).status, 400, "an instance keeps its datasource");
}

#[test]
fn an_instance_in_error_is_configured_anew_by_a_put() {
    let mut run = Run::new(World { grants: Vec::new(), ..world() });
    assert_eq!(put(&mut run, &flexible()).status, 201, "prerequisites are not looked at yet");
    run.wait_seconds(70);
    let broken = run.get(&url("/backupInstances/one", VERSION)).body_json();
    let properties = &broken["properties"];
    assert_eq!(properties["currentProtectionState"], "ProtectionError");
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(properties["protectionErrorDetails"]["code"], "UserErrorMissingRequiredPermissions");
    assert_eq!(properties["protectionStatus"]["errorDetails"], properties["protectionErrorDetails"]);

    run.engine.world_mut().grant(grant(&server()));
    run.wait_seconds(600);
    assert_eq!(state(&mut run), "ProtectionError", "it does not heal by itself");
    assert_eq!(put(&mut run, &flexible()).status, 201);
    run.wait_seconds(3);
    assert_eq!(state(&mut run), "ConfiguringProtection");
    run.wait_seconds(70);
    let healed = run.get(&url("/backupInstances/one", VERSION)).body_json();
    assert_eq!(healed["properties"]["currentProtectionState"], "ProtectionConfigured");
    assert_eq!(healed["properties"].get("protectionErrorDetails"), None);
}

#[test]
fn a_datasource_has_one_instance() {
    let mut run = Run::new(world());
    put(&mut run, &flexible());
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, "UserErrorDppDatasourceAlreadyProtected");
    let second =
        run.send(Method::PUT, &url("/backupInstances/two", VERSION), Some(&json!({ "properties": flexible() })));
    assert_eq!(second.body_json()["error"]["code"], "UserErrorDppDatasourceAlreadyProtected");
    let list = run.get(&url("/backupInstances", VERSION)).body_json();
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_delete_is_soft_or_final() {
    // Soft delete is off in this vault: only the api-version decides.
    for (version, soft) in [("2025-07-01", false), ("2025-09-01", true)] {
        let mut run = Run::new(world());
        let instance = url("/backupInstances/one", version);
        assert_eq!(run.send(Method::DELETE, &instance, None).status, 204, "nothing there");
        put(&mut run, &flexible());
        let first = run.send(Method::DELETE, &instance, None);
        assert_eq!((first.status.as_u16(), first.header("retry-after")), (202, Some("30")));
        let second = run.send(Method::DELETE, &instance, None);
        assert_eq!(second.header("location"), first.header("location"), "the same operation");
        run.wait_seconds(79);
        assert_eq!(run.get(&instance).status, 200);
        run.wait_seconds(27);
        assert_eq!(run.get(&instance).status, 404);
        assert_eq!(run.send(Method::DELETE, &instance, None).status, 204);
        assert_eq!(run.engine.tombstones().count(), usize::from(soft), "{version}");
        let deleted = run.get(&url("/deletedBackupInstances/one", version));
        assert_eq!(deleted.status, if soft { 200 } else { 404 });
        let code = validate(&mut run, &flexible(), version).0;
        assert_eq!(code, if soft { "UserErrorDppDatasourceAlreadyHasBackupInstance" } else { "" }, "{version}");
        run.wait_seconds(14 * 24 * 3600);
        assert_eq!(run.get(&url("/deletedBackupInstances/one", version)).status, 404, "purged");
        assert_eq!(put(&mut run, &flexible()).status, 201, "{version}");
    }
}

#[test]
fn poll_urls_are_signed_and_followed_as_they_are() {
    for (version, signed) in [("2021-01-01", false), ("2021-07-01", false), ("2022-01-01", true), (VERSION, true)] {
        let mut run = Run::new(world());
        let body = json!({ "backupInstance": flexible() });
        let accepted = run.send(Method::POST, &url("/validateForBackup", version), Some(&body));
        let (status, result) = (accepted.header("azure-asyncoperation").unwrap(), accepted.header("location").unwrap());
        assert_eq!(status.contains("/backupVaults/v/operationStatus/"), signed, "{version}");
        assert!(result.contains("/locations/westeurope/operationResults/"), "{version}");
        if signed {
            assert!((3_200..3_500).contains(&status.len()), "{}", status.len());
        } else {
            assert!(status.ends_with(&format!("==?api-version={version}")));
        }
        let (status, result) = (status.to_owned(), result.to_owned());
        assert_eq!(run.get(&status).status, 200);
        let running = run.get(&result);
        assert_eq!(running.status, 202);
        for header in ["azure-asyncoperation", "location", "retry-after"] {
            assert!(running.header(header).is_some(), "{header}");
        }
        let rebuilt = format!("{}?api-version={version}", status.split('?').next().unwrap());
        assert_eq!(run.get(&rebuilt).status, if signed { 403 } else { 200 }, "{version}");
        run.wait_seconds(41);
        assert_eq!(run.get(&result).body_json(), json!({ "objectType": "OperationJobExtendedInfo" }));
    }
}

#[test]
fn time_runs_at_its_scale_even_when_that_changes() {
    let mut run = Run::with(world(), |config| config.time_scale = TimeScale::new(10.0).unwrap());
    let response = put(&mut run, &flexible());
    assert_eq!(response.header("retry-after"), Some("2"), "15 s of Azure's time");
    run.wait_seconds(3);
    assert_eq!(state(&mut run), "ConfiguringProtection");
    let now = run.now;
    run.engine.set_time_scale(now, TimeScale::new(0.1).unwrap());
    run.wait_seconds(40);
    assert_eq!(state(&mut run), "ConfiguringProtection", "34 s of Azure's time at most");
    let now = run.now;
    run.engine.set_time_scale(now, TimeScale::new(100.0).unwrap());
    run.wait_seconds(1);
    assert_eq!(state(&mut run), "ProtectionConfigured");
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let play = |seed| {
        let mut run = Run::with(world(), |config| config.seed = seed);
        let created = put(&mut run, &flexible());
        run.wait_seconds(50);
        let headers = format!("{:?}{:?}", created.headers, run.get(&url("/backupInstances/one", VERSION)).headers);
        (headers, state(&mut run))
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7).0, play(8).0);
}
