//! Who may do what where: every request needs permission for its action on its scope, before anything else is said.

use azure_emulator::{BuiltInRole, Effect, Fault, Kind, Role, RoleAssignment, Settings, World};
use http::Method;
use serde_json::{Value, json};

use crate::common::{Run, actions, application, assignment, client_id, object_id};
use crate::fixture::{
    SUBSCRIPTION, VERSION, act, code, delete, flexible, group, instance_id, put, state, url, vault_id, world,
};

/// The caller under test, and whoever prepares things for it.
const CALLER: u128 = 7;
const ADMINISTRATOR: u128 = 8;

/// The fixture's world with these roles of the caller.
fn world_with(assignments: Vec<RoleAssignment>) -> World {
    let mut world = world();
    world.principals = vec![application(CALLER), application(ADMINISTRATOR)];
    world.role_assignments = assignments;
    world.assign_role(assignment(ADMINISTRATOR, SUBSCRIPTION, actions(&["*"], &[])));
    world
}

/// An engine in which the flexible server is protected, and the caller has these roles.
fn protected(assignments: Vec<RoleAssignment>) -> Run {
    let mut run = Run::new(world_with(assignments));
    run.sign_in(ADMINISTRATOR);
    assert_eq!(put(&mut run, &flexible()).status, 201);
    run.wait_seconds(70);
    run.sign_in(CALLER);
    run
}

fn outcome(run: &mut Run, method: Method, target: &str, body: Option<&Value>) -> (u16, String) {
    let response = run.send(method, target, body);
    (response.status.as_u16(), code(&response))
}

fn refused() -> (u16, String) {
    (403, "AuthorizationFailed".to_owned())
}

/// Every kind of request: what it needs permission for, below `Microsoft.DataProtection/`, and where, below the vault.
const REQUESTS: [(Method, &str, &str, &str); 24] = [
    (Method::GET, "", "backupVaults/read", ""),
    (Method::POST, "/validateForBackup", "backupVaults/validateForBackup/action", ""),
    (Method::GET, "/backupInstances", "backupVaults/backupInstances/read", ""),
    (Method::GET, "/backupInstances/one", "backupVaults/backupInstances/read", "/backupInstances/one"),
    (Method::PUT, "/backupInstances/one", "backupVaults/backupInstances/write", "/backupInstances/one"),
    (Method::DELETE, "/backupInstances/one", "backupVaults/backupInstances/delete", "/backupInstances/one"),
    (
        Method::POST,
        "/backupInstances/one/stopProtection",
        "backupVaults/backupInstances/stopProtection/action",
        "/backupInstances/one",
    ),
    (
        Method::POST,
        "/BACKUPINSTANCES/one/SUSPENDBACKUPS",
        "backupVaults/backupInstances/suspendBackups/action",
        "/backupInstances/one",
    ),
    (
        Method::POST,
        "/backupInstances/one/resumeProtection",
        "backupVaults/backupInstances/resumeProtection/action",
        "/backupInstances/one",
    ),
    (
        Method::POST,
        "/backupInstances/one/resumeBackups",
        "backupVaults/backupInstances/resumeBackups/action",
        "/backupInstances/one",
    ),
    (Method::POST, "/backupInstances/one/sync", "backupVaults/backupInstances/sync/action", "/backupInstances/one"),
    (
        Method::POST,
        "/backupInstances/one/validateForModifyBackup",
        "backupVaults/backupInstances/validateForModifyBackup/action",
        "/backupInstances/one",
    ),
    (Method::POST, "/backupInstances/one/backup", "backupVaults/backupInstances/backup/action", "/backupInstances/one"),
    (Method::GET, "/deletedBackupInstances", "backupVaults/deletedBackupInstances/read", ""),
    (
        Method::GET,
        "/deletedBackupInstances/one",
        "backupVaults/deletedBackupInstances/read",
        "/deletedBackupInstances/one",
    ),
    (
        Method::POST,
        "/deletedBackupInstances/one/undelete",
        "backupVaults/deletedBackupInstances/undelete/action",
        "/deletedBackupInstances/one",
    ),
    (Method::GET, "/backupPolicies", "backupVaults/backupPolicies/read", ""),
    (Method::GET, "/backupPolicies/weekly", "backupVaults/backupPolicies/read", "/backupPolicies/weekly"),
    (Method::GET, "/operationStatus/one", "backupVaults/operationStatus/read", ""),
    (Method::GET, "/operationResults/one", "backupVaults/operationResults/read", ""),
    (Method::GET, "/backupResourceGuardProxies", "backupVaults/backupResourceGuardProxies/read", ""),
    (
        Method::PUT,
        "/backupResourceGuardProxies/DppResourceGuardProxy",
        "backupVaults/backupResourceGuardProxies/write",
        "/backupResourceGuardProxies/DppResourceGuardProxy",
    ),
    (
        Method::DELETE,
        "/backupResourceGuardProxies/DppResourceGuardProxy",
        "backupVaults/backupResourceGuardProxies/delete",
        "/backupResourceGuardProxies/DppResourceGuardProxy",
    ),
    (
        Method::POST,
        "/backupResourceGuardProxies/DppResourceGuardProxy/unlockDelete",
        "backupVaults/backupResourceGuardProxies/unlockDelete/action",
        "/backupResourceGuardProxies/DppResourceGuardProxy",
    ),
];

#[test]
fn each_request_needs_its_action_on_its_scope() {
    for (method, path, action, scope) in REQUESTS {
        let action = format!("Microsoft.DataProtection/{action}");
        let scope = format!("{}{scope}", vault_id());
        let everything_else = assignment(CALLER, SUBSCRIPTION, actions(&["*"], &[&action]));
        let mut run = protected(vec![everything_else.clone()]);
        let response = run.send(method.clone(), &url(path, VERSION), None);
        let message = format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            client_id(CALLER),
            object_id(CALLER)
        );
        assert_eq!(response.status, 403, "{method} {path}");
        let expected = json!({ "error": { "code": "AuthorizationFailed", "message": message } });
        assert_eq!(response.body_json(), expected, "{method} {path}");
        assert_eq!(response.header("x-ms-failure-cause"), Some("gateway"));
        assert_eq!(run.engine.journal().last().unwrap().action.as_ref(), Some(&action), "{method} {path}");
        assert_eq!(run.engine.instances().count(), 1, "{method} {path} has no effect");

        let just_this = assignment(CALLER, &scope, actions(&[&action], &[]));
        run.engine.world_mut().role_assignments = vec![just_this];
        let answer = outcome(&mut run, method.clone(), &url(path, VERSION), None);
        assert_ne!(answer, refused(), "{method} {path}");
    }
}

#[test]
fn a_role_counts_on_its_scope_and_below() {
    let vault = vault_id();
    let table = [
        (SUBSCRIPTION.to_owned(), true),
        (group("backup"), true),
        (group("BACKUP"), true),
        (vault.to_uppercase(), true),
        (format!("{}/", instance_id()), true),
        (group("back"), false),
        (group("backup2"), false),
        (group("data"), false),
        (vault.trim_end_matches('v').to_owned() + "other", false),
        (format!("{vault}/backupInstances/on"), false),
        (format!("{vault}/backupInstances/one2"), false),
        (format!("{vault}/backupPolicies/weekly"), false),
        ("/subscriptions/11111111-1111-4111-8111-11111111111".to_owned(), false),
    ];
    for (scope, permitted) in table {
        let mut run = protected(vec![assignment(CALLER, &scope, BuiltInRole::BackupReader)]);
        let status = run.get(&url("/backupInstances/one", VERSION)).status;
        assert_eq!(status, if permitted { 200 } else { 403 }, "{scope}");
    }
    // Somebody else's role is of no use.
    let mut run = protected(vec![assignment(9, SUBSCRIPTION, BuiltInRole::Reader)]);
    assert_eq!(outcome(&mut run, Method::GET, &url("", VERSION), None), refused());
}

#[test]
fn a_refusal_does_not_tell_what_exists() {
    let missing = [
        (format!("{}/backupInstances/none?api-version={VERSION}", vault_id()), "UserErrorGenericResourceNotFound"),
        (format!("{}/backupPolicies/none?api-version={VERSION}", vault_id()), "UserErrorGenericResourceNotFound"),
        (format!("{}x?api-version={VERSION}", vault_id()), "ResourceNotFound"),
        (format!("{}?api-version={VERSION}", vault_id().replace("/backup/", "/gone/")), "ResourceGroupNotFound"),
    ];
    for (target, expected) in missing {
        let mut run = protected(Vec::new());
        assert_eq!(outcome(&mut run, Method::GET, &target, None), refused(), "{target}");
        assert_eq!(outcome(&mut run, Method::DELETE, &target, None), refused(), "{target}");
        run.sign_in(ADMINISTRATOR);
        assert_eq!(outcome(&mut run, Method::GET, &target, None), (404, expected.to_owned()));
    }
    // A token that is nobody's is refused as well.
    let mut run = Run::new(world_with(Vec::new()));
    assert_eq!(outcome(&mut run, Method::GET, &url("", VERSION), None), refused());
}

#[test]
fn a_granted_role_counts_after_a_while_and_a_revoked_one_at_once() {
    let mut world = world_with(Vec::new());
    world.settings = Settings { permission_delay_seconds: 300, ..Settings::default() };
    let mut run = Run::new(world);
    run.sign_in(CALLER);
    let role = assignment(CALLER, &vault_id(), BuiltInRole::BackupContributor);
    let vault = url("", VERSION);
    assert_eq!(run.get(&vault).status, 403);
    run.engine.world_mut().assign_role(role.clone());
    run.wait_seconds(299);
    assert_eq!(run.get(&vault).status, 403);
    run.wait_seconds(1);
    assert_eq!(run.get(&vault).status, 200);
    assert!(run.engine.world_mut().remove_role(&role));
    assert_eq!(run.get(&vault).status, 403);
    assert!(!run.engine.world_mut().remove_role(&role));
    // Roles that a world starts with count at once.
    let mut world = world_with(vec![role]);
    world.settings.permission_delay_seconds = 300;
    run.engine.reset(world);
    run.sign_in(CALLER);
    assert_eq!(run.get(&vault).status, 200);
}

#[test]
fn a_request_that_lands_late_needs_its_role_when_it_lands() {
    for (revoked, instances) in [(false, 1), (true, 0)] {
        let role = assignment(CALLER, &vault_id(), BuiltInRole::BackupContributor);
        let mut run = Run::new(world_with(vec![role.clone()]));
        run.sign_in(CALLER);
        let effect = Effect::LandLate { seconds: 60, status: Some(504) };
        let kind = Some(Kind::PutInstance);
        run.engine.add_fault(Fault { method: None, path_contains: None, kind, times: 1, effect });
        assert_eq!(put(&mut run, &flexible()).status, 504);
        if revoked {
            run.engine.world_mut().remove_role(&role);
        }
        run.wait_seconds(60);
        run.engine.advance(run.now);
        assert_eq!(run.engine.instances().count(), instances, "revoked: {revoked}");
    }
}

#[test]
fn an_operation_is_followed_by_whoever_started_it_and_may_read_where_it_is() {
    let vault_role = || assignment(CALLER, &vault_id(), actions(&["*"], &[]));
    let mut run = protected(vec![vault_role()]);
    let stopping = act(&mut run, "stopProtection", None);
    let (status, result) =
        (stopping.header("azure-asyncoperation").unwrap(), stopping.header("location").unwrap().to_owned());
    assert_eq!(run.get(status).status, 200);
    // The result is below a location of the subscription.
    let message = run.get(&result).body_json()["error"]["message"].as_str().unwrap().to_owned();
    let needed =
        format!("'Microsoft.DataProtection/locations/operationResults/read' over scope '{SUBSCRIPTION}' or the scope");
    assert!(message.contains(&needed), "{message}");
    let reader = actions(&["Microsoft.DataProtection/locations/operationResults/read"], &[]);
    run.engine.world_mut().assign_role(assignment(CALLER, SUBSCRIPTION, reader));
    assert_eq!(run.get(&result).status, 202);

    // The URL is good for nobody else, whatever they may do; and not below another vault.
    run.sign_in(ADMINISTRATOR);
    let foreign = run.get(status);
    assert_eq!((foreign.status.as_u16(), code(&foreign)), refused());
    let message = foreign.body_json()["error"]["message"].clone();
    assert!(
        message.as_str().unwrap().starts_with("Only the original caller of an asynchronous operation"),
        "{message}"
    );
    let own = group("own") + "/providers/Microsoft.DataProtection/backupVaults/own";
    let mut vault = run.engine.world().vaults[0].clone();
    vault.id = azure_emulator::ResourceId::parse(&own).unwrap();
    run.engine.world_mut().put_vault(vault);
    run.sign_in(CALLER);
    run.engine.world_mut().assign_role(assignment(CALLER, &own, actions(&["*"], &[])));
    let elsewhere = status.replace(&vault_id(), &own);
    assert_eq!(outcome(&mut run, Method::GET, &elsewhere, None), (404, "UserErrorGenericResourceNotFound".to_owned()));

    // Before operations had a status below the vault, it was below the location too.
    let mut run = Run::new(world_with(vec![vault_role()]));
    run.sign_in(CALLER);
    let body = json!({ "backupInstance": flexible() });
    let accepted = run.send(Method::POST, &url("/validateForBackup", "2021-01-01"), Some(&body));
    let status = accepted.header("azure-asyncoperation").unwrap();
    assert_eq!(run.get(status).status, 403);
    run.engine.world_mut().assign_role(assignment(CALLER, SUBSCRIPTION, BuiltInRole::Reader));
    assert_eq!(run.get(status).status, 200);
}

#[test]
fn without_principals_and_roles_every_token_may_do_everything() {
    let mut run = Run::new(world());
    assert!(!run.engine.world().enforces_roles());
    assert_eq!(put(&mut run, &flexible()).status, 201);
    run.wait_seconds(70);
    assert_eq!(delete(&mut run).status, 202);
    assert_eq!(state(&mut run), "SoftDeleting");
    assert!(run.engine.journal().iter().all(|entry| entry.caller.is_some_and(|caller| caller.object_id.is_none())));
    // One assignment is enough for roles to be asked for.
    run.engine.world_mut().assign_role(assignment(CALLER, SUBSCRIPTION, Role::BuiltIn(BuiltInRole::Reader)));
    assert_eq!(run.get(&url("", VERSION)).status, 403);
}
