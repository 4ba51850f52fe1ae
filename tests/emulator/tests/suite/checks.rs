//! What is refused, when, and with which answer; one table per kind of check.

use azure_emulator::{Effect, EngineConfig, Fault, Kind, ProtectionState, Request, TimeScale, World};
use http::Method;
use serde_json::{Value, json};

use crate::common::{DATABASE, FLEXIBLE_SERVER, Run, datasource, grant, id, key_vault, principal, vault};

const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";
const KEY_VAULT_HOST: &str = "keys.vault.azure.net";

fn group(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{name}")
}

fn vault_id() -> String {
    format!("{}/providers/Microsoft.DataProtection/backupVaults/v", group("backup"))
}

fn server() -> String {
    format!("{}/providers/{FLEXIBLE_SERVER}/orders", group("data"))
}

fn single_server() -> String {
    format!("{}/providers/Microsoft.DBforPostgreSQL/servers/legacy", group("data"))
}

fn secrets() -> String {
    format!("{}/providers/Microsoft.KeyVault/vaults/keys", group("data"))
}

/// Everything in place for a flexible server and for a database.
fn world() -> World {
    World {
        vaults: vec![vault(
            &vault_id(),
            "westeurope",
            &[("weekly", FLEXIBLE_SERVER), ("monthly", FLEXIBLE_SERVER), ("db", DATABASE)],
        )],
        datasources: vec![
            datasource(&server(), "westeurope"),
            datasource(&format!("{}/databases/app", single_server()), "westeurope"),
        ],
        key_vaults: vec![key_vault(&secrets(), KEY_VAULT_HOST, &["app"])],
        grants: vec![grant(&server()), grant(&single_server()), grant(&secrets())],
        ..World::default()
    }
}

fn flexible() -> Value {
    json!({
        "objectType": "BackupInstance",
        "dataSourceInfo": {
            "objectType": "Datasource", "resourceID": server(), "resourceName": "orders",
            "datasourceType": FLEXIBLE_SERVER, "resourceType": FLEXIBLE_SERVER, "resourceLocation": "West Europe",
        },
        "policyInfo": { "policyId": format!("{}/backupPolicies/weekly", vault_id()) },
    })
}

fn database() -> Value {
    json!({
        "objectType": "BackupInstance",
        "dataSourceInfo": {
            "objectType": "Datasource", "resourceID": format!("{}/databases/app", single_server()),
            "datasourceType": DATABASE, "resourceType": DATABASE, "resourceLocation": "westeurope",
        },
        "datasourceAuthCredentials": {
            "objectType": "SecretStoreBasedAuthCredentials",
            "secretStoreResource": { "secretStoreType": "AzureKeyVault", "uri": format!("https://{KEY_VAULT_HOST}/secrets/app") },
        },
        "policyInfo": { "policyId": format!("{}/backupPolicies/db", vault_id()) },
    })
}

fn url(below_vault: &str, version: &str) -> String {
    format!("{}{below_vault}?api-version={version}", vault_id())
}

const VERSION: &str = "2026-03-01";

/// Validates, and returns the code and the detail of the failure; both empty when it succeeded.
fn validate(run: &mut Run, instance: &Value, version: &str) -> (String, String) {
    let accepted =
        run.send(Method::POST, &url("/validateForBackup", version), Some(&json!({ "backupInstance": instance })));
    let failure = if accepted.status == 202 {
        let status = accepted.header("azure-asyncoperation").unwrap().to_owned();
        assert_eq!(run.get(&status).body_json()["status"], "Inprogress");
        run.wait_seconds(41);
        run.get(&status).body_json()
    } else {
        assert_eq!(accepted.status, 400);
        accepted.body_json()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = &failure["error"]["additionalInfo"][0]["info"]["innerError"]["additionalInfo"];
    (text(&failure["error"]["code"]), text(&detail["DetailedNonLocalisedMessage"]))
}

fn put(run: &mut Run, instance: &Value) -> azure_emulator::Response {
    run.send(Method::PUT, &url("/backupInstances/one", VERSION), Some(&json!({ "properties": instance })))
}

fn state(run: &mut Run) -> Value {
    run.get(&url("/backupInstances/one", VERSION)).body_json()["properties"]["currentProtectionState"].clone()
}

#[test]
fn a_validation_fails_for_what_is_missing() {
    type Change = fn(&mut World, &mut Value);
    let table: [(&str, fn() -> Value, Change, &str, &str); 14] = [
        ("nothing", flexible, |_, _| {}, "", ""),
        ("nothing, of a database", database, |_, _| {}, "", ""),
        (
            "nothing, permitted through the group",
            flexible,
            |world, _| world.grants = vec![grant(&group("data"))],
            "",
            "",
        ),
        (
            "permission on the server",
            flexible,
            |world, _| world.grants.clear(),
            "UserErrorMissingRequiredPermissions",
            "with object id '00000000-0000-0000-0000-000000000001' does not have authorization",
        ),
        (
            "permission of the named identity",
            flexible,
            |world, instance| {
                let assigned = json!({ "id": format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u", group("backup")),
                    "principalId": principal(2).principal_id, "clientId": principal(2).client_id });
                instance["identityDetails"] =
                    json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": assigned["id"] });
                world.vaults[0].user_assigned_identities = vec![serde_json::from_value(assigned).unwrap()];
            },
            "UserErrorMissingRequiredPermissions",
            "with object id '00000000-0000-0000-0000-000000000002'",
        ),
        (
            "permission on the Key Vault",
            database,
            |world, _| world.grants.retain(|grant| grant.scope != id(&secrets())),
            "UserErrorMissingPermissionsOnSecretStore",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        ),
        ("the Key Vault", database, |world, _| world.key_vaults.clear(), "UserErrorInvalidSecretStore", KEY_VAULT_HOST),
        ("the secret", database, |world, _| world.key_vaults[0].secrets.clear(), "UserErrorInvalidSecret", "'app'"),
        ("the server", flexible, |world, _| world.datasources.clear(), "UserErrorDBNotFound", "orders"),
        ("the policy", flexible, |world, _| world.vaults[0].policies.clear(), "UserErrorInvalidRequestParameter", ""),
        (
            "a policy for this kind",
            flexible,
            |_, instance| instance["policyInfo"]["policyId"] = json!(format!("{}/backupPolicies/db", vault_id())),
            "UserErrorInvalidRequestParameter",
            "",
        ),
        (
            "the same location",
            flexible,
            |world, _| world.datasources[0].location = "northeurope".to_owned(),
            "UserErrorInvalidRequestParameter",
            "",
        ),
        (
            "the credentials",
            database,
            |_, instance| instance["datasourceAuthCredentials"] = Value::Null,
            "UserErrorInvalidRequestParameter",
            "",
        ),
        (
            "an identity that the vault has",
            flexible,
            |_, instance| {
                let other = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u", group("backup"));
                instance["identityDetails"] = json!({ "userAssignedIdentityArmUrl": other });
            },
            "UserErrorInvalidRequestParameter",
            "",
        ),
    ];
    for (missing, instance, change, code, detail) in table {
        let (mut world, mut instance) = (world(), instance());
        change(&mut world, &mut instance);
        let mut run = Run::new(world);
        let failure = validate(&mut run, &instance, VERSION);
        assert_eq!(failure.0, code, "missing: {missing}");
        assert!(failure.1.contains(detail), "missing: {missing}: {}", failure.1);
    }
}

#[test]
fn a_body_may_carry_only_what_its_version_knows() {
    for (version, carries, accepted) in [
        ("2021-01-01", "datasourceAuthCredentials", false),
        ("2021-07-01", "datasourceAuthCredentials", true),
        ("2022-12-01", "identityDetails", false),
        ("2023-05-01", "identityDetails", true),
        ("2021-07-01", "validationType", false),
        ("2022-01-01", "validationType", true),
    ] {
        let mut instance = database();
        if version == "2021-01-01" || carries == "datasourceAuthCredentials" {
            assert!(instance.get(carries).is_some());
        } else {
            instance[carries] = json!(null);
        }
        if carries == "identityDetails" {
            instance[carries] = json!({ "useSystemAssignedIdentity": true });
        } else if carries == "validationType" {
            instance[carries] = json!("ShallowValidation");
        }
        let mut run = Run::new(world());
        let code = validate(&mut run, &instance, version).0;
        assert_eq!(code, if accepted { "" } else { "InvalidRequestContent" }, "{carries} with {version}");
    }
    // 2021-01-01 has no credentials, so it needs none.
    let mut instance = database();
    instance.as_object_mut().unwrap().remove("datasourceAuthCredentials");
    assert_eq!(validate(&mut Run::new(world()), &instance, "2021-01-01").0, "");

    for (version, expected) in [("2022-04-01", 400), ("2022-05-01", 201)] {
        let mut run = Run::new(world());
        let body = json!({ "tags": { "team": "shop" }, "properties": flexible() });
        let response = run.send(Method::PUT, &url("/backupInstances/one", version), Some(&body));
        assert_eq!(response.status, expected, "tags with {version}");
        if expected == 201 {
            assert_eq!(response.body_json()["tags"]["team"], "shop");
            assert_eq!(run.get(&url("/backupInstances/one", "2022-04-01")).body_json().get("tags"), None);
        }
    }
}

#[test]
fn a_put_is_refused_for_what_does_not_fit() {
    type Change = fn(&mut Value);
    let table: [(&str, Change, &str); 10] = [
        ("no properties", |body| *body = json!({}), "UserErrorInvalidRequestParameter"),
        ("no policyInfo", |body| body["properties"]["policyInfo"] = Value::Null, "UserErrorInvalidRequestParameter"),
        (
            "no dataSourceInfo",
            |body| body["properties"]["dataSourceInfo"] = Value::Null,
            "UserErrorInvalidRequestParameter",
        ),
        ("no objectType", |body| body["properties"]["objectType"] = json!(""), "UserErrorInvalidRequestParameter"),
        ("a number for an id", |body| body["properties"]["policyInfo"]["policyId"] = json!(1), "InvalidRequestContent"),
        ("another name", |body| body["name"] = json!("two"), "InvalidRequestContent"),
        ("another type", |body| body["type"] = json!("Microsoft.Compute/disks"), "InvalidRequestContent"),
        (
            "a state of its own",
            |body| body["properties"]["provisioningState"] = json!("Succeeded"),
            "UserErrorInvalidRequestParameter",
        ),
        (
            "an unknown policy",
            |body| body["properties"]["policyInfo"]["policyId"] = json!(format!("{}/backupPolicies/x", vault_id())),
            "UserErrorInvalidRequestParameter",
        ),
        (
            "another region",
            |body| body["properties"]["dataSourceInfo"]["resourceLocation"] = json!("eastus"),
            "UserErrorInvalidRequestParameter",
        ),
    ];
    for (what, change, code) in table {
        let mut body = json!({ "properties": flexible() });
        change(&mut body);
        let mut run = Run::new(world());
        let response = run.send(Method::PUT, &url("/backupInstances/one", VERSION), Some(&body));
        assert_eq!(response.status, 400, "{what}");
        assert_eq!(response.body_json()["error"]["code"], code, "{what}");
        assert_eq!(run.engine.instances().count(), 0, "{what}");
    }
}

#[test]
fn the_front_door_refuses_in_its_order() {
    let vault = vault_id();
    let elsewhere = "/subscriptions/99999999-9999-4999-8999-999999999999/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v";
    let table = [
        (format!("{vault}?api-version={VERSION}"), 200, Value::Null),
        (vault.clone(), 400, json!("MissingApiVersionParameter")),
        (format!("{vault}?api-version=2023-08-01"), 400, json!("InvalidApiVersionParameter")),
        (format!("{elsewhere}?api-version={VERSION}"), 404, json!("SubscriptionNotFound")),
        (format!("{}?api-version={VERSION}", vault.replace("/backup/", "/gone/")), 404, json!("ResourceGroupNotFound")),
        (format!("{vault}x?api-version={VERSION}"), 404, json!("ResourceNotFound")),
        (format!("{vault}/nonsense?api-version={VERSION}"), 404, json!("InvalidResourceType")),
        (format!("{vault}/backupInstances/no?api-version={VERSION}"), 404, json!("UserErrorGenericResourceNotFound")),
        (format!("{vault}/deletedBackupInstances?api-version=2022-05-01"), 404, json!("InvalidResourceType")),
    ];
    for (target, status, code) in table {
        let mut run = Run::new(world());
        let response = run.get(&target);
        assert_eq!(response.status, status, "{target}");
        assert_eq!(response.body_json()["error"]["code"], code, "{target}");
        let from_service = response.header("x-ms-error-code").is_some();
        assert_eq!(from_service, code == "UserErrorGenericResourceNotFound", "{target}");
    }
    let mut run = Run::new(world());
    let now = run.now;
    let without_token = run.engine.handle(now, &Request::new(Method::GET, &vault));
    assert_eq!(without_token.status, 401, "before anything else");
    assert!(without_token.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="));
}

#[test]
fn tokens_are_checked() {
    let mut run =
        Run::with(world(), |config: &mut EngineConfig| config.token_lifetime = std::time::Duration::from_secs(60));
    let ask = |run: &mut Run, token: &str| {
        let request = Request::new(Method::GET, &url("", VERSION)).with_bearer(token);
        let response = run.engine.handle(run.now, &request);
        (response.status.as_u16(), response.body_json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let now = run.now;
    let good = run.engine.issue_token(now, "https://management.core.windows.net/");
    let foreign = run.engine.issue_token(now, "https://vault.azure.net");
    assert_eq!(ask(&mut run, &good).0, 200);
    assert_eq!(ask(&mut run, &foreign), (401, "InvalidAuthenticationTokenAudience".to_owned()));
    assert_eq!(ask(&mut run, "nonsense"), (401, "AuthenticationFailed".to_owned()));
    run.wait_seconds(60);
    assert_eq!(ask(&mut run, &good), (401, "ExpiredAuthenticationToken".to_owned()));
    let now = run.now;
    let next = run.engine.issue_token(now, "https://management.azure.com");
    assert_eq!(ask(&mut run, &next).0, 200);
    run.engine.revoke_tokens();
    assert_eq!(ask(&mut run, &next), (401, "AuthenticationFailed".to_owned()));
}

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
fn faults_hit_what_they_are_set_for_and_wear_out() {
    use azure_emulator::Delivery;
    let mut run = Run::new(world());
    run.engine.add_fault(Fault {
        method: Some("GET".to_owned()),
        path_contains: None,
        kind: Some(Kind::GetVault),
        times: 2,
        effect: Effect::Respond {
            status: 429,
            headers: [("Retry-After".to_owned(), "7".to_owned())].into(),
            body: Some(json!({ "error": { "code": "TooManyRequests" } })),
        },
    });
    for expected in [429, 429, 200] {
        let response = run.get(&url("", VERSION));
        assert_eq!(response.status, expected);
        assert_eq!(response.header("retry-after").is_some(), expected == 429);
    }
    // The effect happens, the answer does not arrive.
    run.engine.add_fault(Fault {
        method: None,
        path_contains: Some("BACKUPINSTANCES/ONE".to_owned()),
        kind: None,
        times: 1,
        effect: Effect::DropResponse,
    });
    assert_eq!(put(&mut run, &flexible()).delivery, Delivery::Never);
    assert_eq!(run.engine.instances().next().unwrap().state, ProtectionState::ConfiguringProtection);
    let last = run.engine.journal().last().unwrap();
    assert!(!last.answered && last.fault == Some(2), "{last:?}");
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
