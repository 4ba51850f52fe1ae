//! What is refused before anything happens, and what a validation fails for; one table per kind of check.

use azure_emulator::World;
use http::Method;
use serde_json::{Value, json};

use crate::common::{Run, grant, id, principal};
use crate::fixture::{KEY_VAULT_HOST, VERSION, database, flexible, group, secrets, url, validate, vault_id, world};

#[test]
fn a_validation_fails_for_what_is_missing() {
    type Base = fn() -> Value;
    type Change = fn(&mut World, &mut Value);
    let table: [(&str, Base, Change, &str, &str); 14] = [
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
fn tags_keep_to_the_limits_of_resource_manager() {
    let many = |count: usize| (0..count).map(|number| (format!("t{number}"), json!("x"))).collect::<Value>();
    let table = [
        (json!({ "pgbackup-owner": "cluster/shop/orders" }), ""),
        (json!({ "n".repeat(512): "v".repeat(256) }), ""),
        (many(50), ""),
        (many(51), "TagCountLimitExceeded"),
        (json!({ "owner/name": "x" }), "InvalidTagNameCharacters"),
        (json!({ "a\nb": "x" }), "InvalidTagNameCharacters"),
        (json!({ "": "x" }), "InvalidTagNameLength"),
        (json!({ "n".repeat(513): "x" }), "InvalidTagNameLength"),
        (json!({ "a": "v".repeat(257) }), "InvalidTagValueLength"),
        (json!({ "a": 1 }), "InvalidRequestContent"),
    ];
    for (tags, code) in table {
        let mut run = Run::new(world());
        let body = json!({ "tags": tags, "properties": flexible() });
        let response = run.send(Method::PUT, &url("/backupInstances/one", VERSION), Some(&body));
        assert_eq!(response.body_json()["error"]["code"].as_str().unwrap_or_default(), code, "{tags}");
        assert_eq!(run.engine.instances().count(), usize::from(code.is_empty()));
    }
}
