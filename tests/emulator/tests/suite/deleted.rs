//! Soft delete: what is kept for how long, what it stands in the way of, and how it comes back.

use azure_emulator::{Removal, World};
use http::Method;
use serde_json::json;

use crate::common::{FLEXIBLE_SERVER, Run, id, vault};
use crate::fixture::{
    VERSION, act, code, delete, flexible, group, instance_id, protected, put, server, state, url, validate, vault_id,
    world,
};

fn undelete(run: &mut Run) -> (u16, String) {
    let response = run.send(Method::POST, &url("/deletedBackupInstances/one/undelete", VERSION), None);
    (response.status.as_u16(), code(&response))
}

fn deleted() -> Run {
    let mut run = protected();
    delete(&mut run);
    run.wait_seconds(105);
    run
}

#[test]
fn a_deleted_instance_is_kept_as_long_as_the_vault_says() {
    for (days, kept) in [(14, 14), (30, 30), (7, 14)] {
        let mut run = protected();
        run.engine.world_mut().vaults[0].soft_delete.retention_duration_in_days = days;
        delete(&mut run);
        let accepted = run.now;
        run.wait_seconds(105);
        let shown = run.get(&url("/deletedBackupInstances/one", VERSION)).body_json();
        let info = &shown["properties"]["deletionInfo"];
        let time = |name: &str| info[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert_eq!((time("scheduledPurgeTime") - time("deletionTime")).get_seconds(), kept * 24 * 3600);
        assert_eq!(time("deletionTime").as_second(), accepted.as_second());
        assert!(!info["deleteActivityID"].as_str().unwrap().is_empty());
        assert_eq!(shown["properties"]["currentProtectionState"], "SoftDeleted");
        run.now = time("scheduledPurgeTime") - jiff::SignedDuration::from_secs(2);
        assert_eq!(run.engine.tombstones().count(), 1);
        assert_eq!(run.get(&url("/deletedBackupInstances/one", VERSION)).status, 200);
        run.wait_seconds(4);
        assert_eq!(undelete(&mut run), (404, "UserErrorGenericResourceNotFound".to_owned()), "purged");
    }
}

#[test]
fn what_is_undeleted_is_stopped_and_not_purged_when_it_would_have_been() {
    let mut run = deleted();
    run.wait_seconds(10 * 24 * 3600);
    assert_eq!(undelete(&mut run), (200, String::new()));
    assert_eq!(undelete(&mut run).0, 404, "a second time");
    assert_eq!(state(&mut run), "ProtectionStopped");
    assert_eq!(act(&mut run, "resumeProtection", None).status, 202);
    run.wait_seconds(157);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    // Deleted again: kept for a whole retention from now.
    delete(&mut run);
    run.wait_seconds(10 * 24 * 3600);
    assert_eq!(undelete(&mut run), (200, String::new()));
    assert_eq!(run.send(Method::POST, &url("/deletedBackupInstances/one/undelete", "2022-05-01"), None).status, 404);
}

#[test]
fn datasource_and_name_stay_taken_in_the_vault_and_the_datasource_is_free_elsewhere() {
    const TAKEN: &str = "UserErrorDppDatasourceAlreadyHasBackupInstance";
    let other = format!("{}2", vault_id());
    let mut run = Run::new(World {
        vaults: vec![world().vaults.remove(0), vault(&other, "westeurope", &[("weekly", FLEXIBLE_SERVER)])],
        ..world()
    });
    put(&mut run, &flexible());
    run.wait_seconds(70);
    delete(&mut run);
    run.wait_seconds(105);
    assert_eq!(validate(&mut run, &flexible(), VERSION).0, TAKEN);
    assert_eq!(code(&put(&mut run, &flexible())), TAKEN);
    let mut same_name = flexible();
    same_name["dataSourceInfo"]["resourceID"] = json!(format!("{}/providers/{FLEXIBLE_SERVER}/else", group("data")));
    assert_eq!(code(&put(&mut run, &same_name)), TAKEN);

    let mut elsewhere = flexible();
    elsewhere["policyInfo"]["policyId"] = json!(format!("{other}/backupPolicies/weekly"));
    let there = format!("{other}/backupInstances/one?api-version={VERSION}");
    let body = json!({ "properties": elsewhere });
    assert_eq!(run.send(Method::PUT, &there, Some(&body)).status, 201);
    run.wait_seconds(70);
    assert_eq!(undelete(&mut run).0, 200);
    let refused = act(&mut run, "resumeProtection", None);
    assert_eq!((refused.status.as_u16(), code(&refused).as_str()), (400, TAKEN));
    let message = refused.body_json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("with the protection status as ProtectionConfigured."), "{message}");
    // The live one goes on being changed.
    assert_eq!(run.send(Method::PUT, &there, Some(&body)).status, 201);
}

#[test]
fn what_somebody_else_deletes_is_deleted_all_the_same() {
    let mut run = protected();
    assert!(run.engine.delete_in_portal(&id(&instance_id()), Removal::Soft));
    assert!(!run.engine.delete_in_portal(&id(&instance_id()), Removal::Soft));
    assert_eq!(run.get(&url("/backupInstances/one", VERSION)).status, 404);
    let list = run.get(&url("/deletedBackupInstances", VERSION)).body_json();
    assert_eq!(list["value"][0]["name"], "one");
    assert_eq!(undelete(&mut run).0, 200);
    assert!(run.engine.delete_in_portal(&id(&instance_id()), Removal::Final));
    assert_eq!(undelete(&mut run).0, 404);
    assert_eq!(put(&mut run, &flexible()).status, 201);
    assert_eq!(run.engine.instances().next().unwrap().spec.datasource.resource_id, id(&server()));
}
