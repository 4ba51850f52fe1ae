//! Stop, suspend, resume and sync: what each does in every state, and what a PUT does when backups do not run.

use azure_emulator::{ProtectionState, PutOnFailed, PutOnStopped, Settings, StopWhilePaused, World};
use http::Method;
use serde_json::{Value, json};

use crate::common::{Run, grant};
use crate::fixture::{VERSION, act, changed_policy, code, flexible, protected, put, server, set_state, state, url};

const ACTIONS: [&str; 5] = ["stopProtection", "suspendBackups", "resumeProtection", "resumeBackups", "sync"];

/// What comes of an action: the status of its answer, and the state when it has ended.
fn outcome(run: &mut Run, action: &str) -> (u16, String) {
    let response = act(run, action, None);
    run.wait_seconds(157);
    (response.status.as_u16(), state(run).as_str().unwrap().to_owned())
}

#[test]
fn every_action_in_every_state() {
    use ProtectionState as S;
    // In the order of ACTIONS: what it leads to; "-": 200, nothing to do; "409": busy; "": 400.
    let table: [(S, [&str; 5]); 11] = [
        (S::ProtectionConfigured, ["ProtectionStopped", "BackupsSuspended", "-", "-", "ProtectionConfigured"]),
        (S::ProtectionError, ["ProtectionStopped", "BackupsSuspended", "", "", "ProtectionConfigured"]),
        (S::ProtectionStopped, ["-", "BackupsSuspended", "ProtectionConfigured", "", ""]),
        (S::BackupsSuspended, ["ProtectionStopped", "-", "ProtectionConfigured", "ProtectionConfigured", ""]),
        (
            S::BackupSchedulesSuspended,
            ["ProtectionStopped", "BackupsSuspended", "ProtectionConfigured", "ProtectionConfigured", ""],
        ),
        (
            S::RetentionSchedulesSuspended,
            ["ProtectionStopped", "BackupsSuspended", "ProtectionConfigured", "ProtectionConfigured", ""],
        ),
        (S::ConfiguringProtectionFailed, [""; 5]),
        (S::NotProtected, [""; 5]),
        (S::Invalid, [""; 5]),
        (S::UpdatingProtection, ["409"; 5]),
        ("SomethingNew".parse().unwrap(), [""; 5]),
    ];
    for (from, expected) in table {
        for (action, expected) in ACTIONS.iter().zip(expected) {
            let mut run = protected();
            set_state(&mut run, from);
            let (status, expected) = match expected {
                "-" => (200, from.as_str()),
                "" => (400, from.as_str()),
                "409" => (409, from.as_str()),
                state => (202, state),
            };
            assert_eq!(outcome(&mut run, action), (status, expected.to_owned()), "{action} from {from}");
        }
    }
}

#[test]
fn an_action_takes_its_time_and_holds_others_off() {
    let mut run = protected();
    let stopping = act(&mut run, "stopProtection", None);
    assert_eq!((stopping.status.as_u16(), stopping.header("retry-after")), (202, Some("30")));
    assert!(stopping.header("location").is_some() && stopping.header("azure-asyncoperation").is_some());
    assert_eq!(state(&mut run), "UpdatingProtection");
    assert_eq!(act(&mut run, "suspendBackups", None).status, 409);
    assert_eq!(put(&mut run, &changed_policy()).status, 409);
    run.wait_seconds(50);
    assert_eq!(state(&mut run), "ProtectionStopped");

    // Only a DELETE has the last word.
    act(&mut run, "resumeProtection", None);
    run.send(Method::DELETE, &url("/backupInstances/one", VERSION), None);
    run.wait_seconds(157);
    assert_eq!(run.get(&url("/backupInstances/one", VERSION)).status, 404);
    assert_eq!(act(&mut run, "stopProtection", None).status, 404);
}

#[test]
fn bodies_and_versions() {
    let guarded = json!({ "resourceGuardOperationRequests": ["/some/request"] });
    let table = [
        ("stopProtection", "2021-07-01", Value::Null, 404, "InvalidResourceType"),
        ("stopProtection", "2022-01-01", Value::Null, 202, ""),
        ("stopProtection", "2022-01-01", json!({}), 202, ""),
        ("stopProtection", "2024-03-01", guarded.clone(), 400, "InvalidRequestContent"),
        ("stopProtection", "2024-04-01", guarded.clone(), 202, ""),
        ("suspendBackups", "2024-04-01", guarded, 202, ""),
        ("suspendBackups", "2024-04-01", json!({ "reason": "x" }), 400, "InvalidRequestContent"),
        ("sync", "2022-01-01", json!({ "syncType": "ForceResync" }), 202, ""),
        ("sync", "2022-01-01", json!({ "syncType": "Often" }), 400, "UserErrorInvalidRequestParameter"),
        ("validateForModifyBackup", "2024-04-01", json!({ "backupInstance": flexible() }), 404, "InvalidResourceType"),
        ("validateForModifyBackup", "2025-01-01", json!({ "backupInstance": flexible() }), 202, ""),
        ("validateForModifyBackup", "2025-01-01", Value::Null, 400, "UserErrorInvalidRequestParameter"),
        ("backup", "2025-01-01", Value::Null, 501, "NotImplemented"),
    ];
    for (action, version, body, status, expected) in table {
        let mut run = protected();
        let path = url(&format!("/backupInstances/one/{action}"), version);
        let response = run.send(Method::POST, &path, Some(&body).filter(|body| !body.is_null()));
        assert_eq!((response.status.as_u16(), code(&response)), (status, expected.to_owned()), "{action} {version}");
    }
}

#[test]
fn what_cannot_be_resumed_stays_stopped() {
    let mut run = protected();
    act(&mut run, "stopProtection", None);
    run.wait_seconds(50);
    run.engine.world_mut().grants.clear();
    let resuming = act(&mut run, "resumeProtection", None);
    run.wait_seconds(157);
    let failed = run.get(resuming.header("azure-asyncoperation").unwrap());
    assert_eq!(
        (&failed.body_json()["status"], code(&failed).as_str()),
        (&json!("Failed"), "UserErrorMissingRequiredPermissions")
    );
    assert_eq!(state(&mut run), "ProtectionStopped");
}

#[test]
fn a_modification_is_validated() {
    let judged = |change: fn(&mut World), body: Value| {
        let mut run = protected();
        change(run.engine.world_mut());
        let accepted = act(&mut run, "validateForModifyBackup", Some(&json!({ "backupInstance": body })));
        if accepted.status != 202 {
            return code(&accepted);
        }
        assert_eq!(accepted.header("retry-after"), Some("10"));
        run.wait_seconds(41);
        code(&run.get(accepted.header("azure-asyncoperation").unwrap()))
    };
    assert_eq!(judged(|_| {}, changed_policy()), "");
    assert_eq!(judged(|world| world.grants.clear(), changed_policy()), "UserErrorMissingRequiredPermissions");
    let mut body = flexible();
    body["policyInfo"]["policyId"] = json!(format!("{}/backupPolicies/none", crate::fixture::vault_id()));
    assert_eq!(judged(|_| {}, body), "UserErrorInvalidRequestParameter");
    let mut body = flexible();
    body["dataSourceInfo"]["resourceID"] = json!(format!("{}2", server()));
    assert_eq!(judged(|_| {}, body), "UserErrorInvalidRequestParameter");
}

#[test]
fn a_put_while_backups_do_not_run_is_answered_as_the_settings_say() {
    use ProtectionState as S;
    let (stopped, failed) = (S::ProtectionStopped, S::ConfiguringProtectionFailed);
    let on_stopped = |put_on_stopped| Settings { put_on_stopped, ..Settings::default() };
    let on_failed = |put_on_failed| Settings { put_on_failed, ..Settings::default() };
    let table = [
        (stopped, Settings::default(), 201, "monthly", "ProtectionStopped"),
        (S::BackupsSuspended, on_stopped(PutOnStopped::KeepsState), 201, "monthly", "BackupsSuspended"),
        (S::BackupsSuspended, on_stopped(PutOnStopped::Configures), 201, "monthly", "ProtectionConfigured"),
        (stopped, on_stopped(PutOnStopped::Refused), 400, "weekly", "ProtectionStopped"),
        (failed, Settings::default(), 201, "monthly", "ProtectionConfigured"),
        (S::NotProtected, on_failed(PutOnFailed::KeepsState), 201, "monthly", "NotProtected"),
        (S::Invalid, on_failed(PutOnFailed::Refused), 400, "weekly", "Invalid"),
    ];
    for (from, settings, status, policy, to) in table {
        let mut run = protected();
        let what = format!("{from} {settings:?}");
        set_state(&mut run, from);
        run.engine.world_mut().settings = settings;
        assert_eq!(put(&mut run, &changed_policy()).status, status, "{what}");
        run.wait_seconds(75);
        assert_eq!(state(&mut run), to, "{what}");
        let instance = run.engine.instances().next().unwrap();
        assert_eq!(instance.spec.policy.policy_id.name(), policy, "{what}");
    }
}

#[test]
fn stopped_and_suspended_change_places_only_where_the_settings_say_so() {
    for (answer, status) in [(StopWhilePaused::Accepted, 202), (StopWhilePaused::Refused, 400)] {
        for (from, action) in [
            (ProtectionState::ProtectionStopped, "suspendBackups"),
            (ProtectionState::BackupsSuspended, "stopProtection"),
        ] {
            let mut run = protected();
            set_state(&mut run, from);
            run.engine.world_mut().settings.stop_while_paused = answer;
            assert_eq!(act(&mut run, action, None).status, status, "{action} from {from}");
        }
    }
}

#[test]
fn a_lost_permission_shows_after_a_while_and_a_sync_repairs_it() {
    let mut run = protected();
    run.engine.world_mut().grants.clear();
    run.wait_seconds(100);
    assert_eq!(state(&mut run), "ProtectionConfigured", "nobody has looked yet");
    run.wait_seconds(200);
    assert_eq!(state(&mut run), "ProtectionError");
    let error = run.engine.instances().next().unwrap().error.clone().unwrap();
    assert_eq!(error.error.code, "UserErrorMissingRequiredPermissions");

    run.engine.world_mut().grant(grant(&server()));
    assert_eq!(outcome(&mut run, "sync"), (202, "ProtectionConfigured".to_owned()));
    // What is there again in time is not noticed.
    run.engine.world_mut().grants.clear();
    run.wait_seconds(60);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    run.engine.world_mut().grant(grant(&server()));
    run.wait_seconds(3600);
    assert_eq!(state(&mut run), "ProtectionConfigured");
}
