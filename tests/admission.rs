//! What a real API server refuses, with which words, so that nothing of it ever reaches the operator.

#![allow(clippy::unwrap_used)]

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupGrant, crd};
use serde_json::{Value, json};
use test_support::{ControlPlane, shared_control_plane};

const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";

fn flexible_server() -> Value {
    json!({
        "database": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders") },
        "vault": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault") },
        "policy": { "name": "weekly" },
    })
}

fn single_server() -> Value {
    let mut spec = flexible_server();
    spec["database"]["resourceId"] = json!(format!(
        "{SUBSCRIPTION}/resourceGroups/ossdemoRG/providers/Microsoft.DBforPostgreSQL/servers/legacy/databases/empdb11"
    ));
    spec["keyVaultSecret"] = json!({ "uri": "https://team-kv.vault.azure.net/secrets/ossdbkey" });
    spec
}

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "pgbackup.dev/v1alpha1",
        "kind": "PostgresBackup",
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// `spec` with the value at `path` (a JSON pointer) set, or removed for null.
fn with(mut spec: Value, path: &str, value: Value) -> Value {
    let (parent, field) = path.rsplit_once('/').unwrap();
    let parent = spec.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Value::Null => parent.remove(field),
        value => parent.insert(field.to_owned(), value),
    };
    spec
}

async fn install() -> (&'static ControlPlane, Api<DynamicObject>) {
    let control_plane = shared_control_plane().await.unwrap();
    let server_side = ["apply", "--server-side", "-f", "-"];
    control_plane.kubectl().run_with_input(&server_side, &crd::yaml().unwrap()).await.unwrap();
    let client = control_plane.client().await.unwrap();
    let established = kube::runtime::conditions::is_crd_established();
    let crds = Api::all(client.clone());
    kube::runtime::wait::await_condition(crds, "postgresbackups.pgbackup.dev", established).await.unwrap();
    let namespace = control_plane.create_namespace("admission").await.unwrap();
    let resource = kube::api::ApiResource::erase::<PostgresBackup>(&());
    (control_plane, Api::namespaced_with(client, &namespace, &resource))
}

fn parse(object: Value) -> DynamicObject {
    serde_json::from_value(object).unwrap()
}

/// The words of a refusal; `None` if the API server accepts.
async fn refusal(api: &Api<DynamicObject>, object: Value) -> Option<String> {
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&dry_run, &parse(object)).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if status.code == 422 => Some(status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_can_be_seen_to_be_wrong_is_refused_with_what_to_write_instead() {
    let (_, api) = install().await;
    let id = |tail: &str| json!(format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/{tail}"));
    let (flexible, single) = (flexible_server, single_server);
    for (expected, spec) in [
        (
            "must be the ARM id of a PostgreSQL flexible server",
            with(flexible(), "/database/resourceId", id("Microsoft.DBforPostgreSQL/flexibleServers/ab")),
        ),
        (
            "must be the ARM id of a PostgreSQL flexible server",
            with(single(), "/database/resourceId", id("Microsoft.DBforPostgreSQL/servers/legacy/databases/two words")),
        ),
        (
            "must be the ARM id of a Backup vault",
            with(
                flexible(),
                "/vault/resourceId",
                id(&format!("Microsoft.DataProtection/backupVaults/{}", "v".repeat(51))),
            ),
        ),
        (
            "must be the ARM id of a Backup vault",
            with(
                flexible(),
                "/vault/resourceId",
                json!("/subscriptions/not-a-guid/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v1"),
            ),
        ),
        (
            "must be the ARM id of a user-assigned identity",
            with(flexible(), "/vault/userAssignedIdentity", id("Microsoft.ManagedIdentity/userAssignedIdentities/ab")),
        ),
        (
            "must be the ARM id of a PostgreSQL flexible server",
            with(flexible(), "/database/resourceId", json!("orders")),
        ),
        (
            "must be the ARM id of a PostgreSQL flexible server",
            with(flexible(), "/database/resourceId", id("Microsoft.Sql/servers/orders")),
        ),
        (
            "must be the ARM id of a PostgreSQL flexible server",
            with(flexible(), "/database/resourceId", json!("https://management.azure.com/subscriptions/x")),
        ),
        (
            "protected as a whole: leave out /databases/",
            with(
                flexible(),
                "/database/resourceId",
                id("Microsoft.DBforPostgreSQL/flexibleServers/orders/databases/app"),
            ),
        ),
        (
            "add /databases/{database}",
            with(single(), "/database/resourceId", id("Microsoft.DBforPostgreSQL/servers/legacy")),
        ),
        ("must be the ARM id of a Backup vault", with(flexible(), "/vault/resourceId", json!("team-vault"))),
        ("Recovery Services vault", with(flexible(), "/vault/resourceId", id("Microsoft.RecoveryServices/vaults/old"))),
        (
            "must be the ARM id of a user-assigned identity",
            with(flexible(), "/vault/userAssignedIdentity", json!("backup-identity")),
        ),
        (
            "not its ARM id",
            with(
                flexible(),
                "/policy/name",
                id("Microsoft.DataProtection/backupVaults/team-vault/backupPolicies/weekly"),
            ),
        ),
        (
            "keyVaultSecret must be left out for a flexible server",
            with(flexible(), "/keyVaultSecret", single()["keyVaultSecret"].clone()),
        ),
        (
            "keyVaultSecret.uri is required for a database of a Single Server",
            with(single(), "/keyVaultSecret", Value::Null),
        ),
        (
            "must start with https://",
            with(single(), "/keyVaultSecret/uri", json!("http://team-kv.vault.azure.net/secrets/ossdbkey")),
        ),
        (
            "must not carry a secret version",
            with(
                single(),
                "/keyVaultSecret/uri",
                json!("https://team-kv.vault.azure.net/secrets/ossdbkey/0123456789abcdef"),
            ),
        ),
        (
            "must not carry a port",
            with(single(), "/keyVaultSecret/uri", json!("https://team-kv.vault.azure.net:8443/secrets/ossdbkey")),
        ),
        (
            "must not carry a port or a user name",
            with(
                single(),
                "/keyVaultSecret/uri",
                json!("https://team-kv.vault.azure.net@evil.example/secrets/ossdbkey"),
            ),
        ),
        (
            "must be the URI of a Key Vault secret",
            with(single(), "/keyVaultSecret/uri", json!("https://team-kv.vault.azure.net/keys/ossdbkey")),
        ),
        ("must be the name of a backup instance", with(flexible(), "/backupInstanceName", json!("orders/1"))),
        ("Too long", with(flexible(), "/backupInstanceName", json!("a".repeat(165)))),
        ("Unsupported value", with(flexible(), "/deletionPolicy", json!("Destroy"))),
    ] {
        let case = spec.to_string();
        let refusal = refusal(&api, object("orders", &spec)).await.unwrap_or_else(|| panic!("accepted: {case}"));
        assert!(refusal.contains(expected), "{case}\nwas refused with: {refusal}");
        assert_eq!(refusal.matches("Invalid value").count().max(1), 1, "one cause, one message: {refusal}");
    }
    let long = refusal(&api, object(&"n".repeat(101), &flexible_server())).await.unwrap();
    assert!(long.contains("at most 100 characters"), "{long}");
}

#[tokio::test]
async fn both_kinds_are_accepted_in_any_casing_of_the_ids() {
    let (_, api) = install().await;
    for spec in [
        flexible_server(),
        single_server(),
        with(flexible_server(), "/backupInstanceName", json!("orders-orders-1")),
        with(
            single_server(),
            "/database/resourceId",
            json!(format!(
                "{SUBSCRIPTION}/resourceGroups/flexibleServers/providers/Microsoft.DBforPostgreSQL/servers/legacy/databases/a"
            )),
        ),
        with(
            flexible_server(),
            "/database/resourceId",
            json!(
                "/SUBSCRIPTIONS/11111111-1111-4111-8111-111111111111/resourcegroups/DATA-RG/providers/microsoft.dbforpostgresql/FLEXIBLESERVERS/Orders"
            ),
        ),
        with(
            flexible_server(),
            "/vault/userAssignedIdentity",
            json!(format!(
                "{SUBSCRIPTION}/resourceGroups/id-rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup_identity"
            )),
        ),
    ] {
        assert_eq!(refusal(&api, object("orders", &spec)).await, None, "{spec}");
    }
}

#[tokio::test]
async fn every_sample_is_accepted() {
    let (control_plane, api) = install().await;
    let grants = grants(control_plane).await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples")).unwrap() {
        let path = entry.unwrap().path();
        let sample: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let api = if sample["kind"] == "PostgresBackupGrant" { &grants } else { &api };
        assert_eq!(refusal(api, sample).await, None, "{}", path.display());
        names.push(path.file_stem().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, SAMPLES);
}

#[tokio::test]
async fn what_an_object_is_about_cannot_be_changed() {
    let (_, api) = install().await;
    let named = with(flexible_server(), "/backupInstanceName", json!("orders-1"));
    let other = |path: &str, from: &str, to: &str| {
        let text = flexible_server().pointer(path).unwrap().as_str().unwrap().replace(from, to);
        with(flexible_server(), path, json!(text))
    };
    for (expected, before, after) in [
        (
            Some("database.resourceId cannot be changed"),
            flexible_server(),
            other("/database/resourceId", "orders", "billing"),
        ),
        (
            Some("deletionPolicy: Retain keeps"),
            flexible_server(),
            other("/vault/resourceId", "team-vault", "other-vault"),
        ),
        (
            Some("cannot be changed or removed"),
            named.clone(),
            with(named.clone(), "/backupInstanceName", json!("orders-2")),
        ),
        (Some("cannot be changed or removed"), named.clone(), flexible_server()),
        (None, flexible_server(), named),
        (None, flexible_server(), other("/database/resourceId", "data-rg", "DATA-RG")),
        (None, flexible_server(), with(flexible_server(), "/policy/name", json!("monthly"))),
        (None, flexible_server(), with(flexible_server(), "/deletionPolicy", json!("Retain"))),
    ] {
        let created = api.create(&PostParams::default(), &parse(object("orders", &before))).await.unwrap();
        let mut changed = object("orders", &after);
        changed["metadata"]["resourceVersion"] = json!(created.resource_version());
        let result = api.replace("orders", &PostParams::default(), &parse(changed)).await;
        match (expected, result) {
            (None, Ok(_)) => {}
            (Some(expected), Err(kube::Error::Api(status))) => {
                assert!(status.message.contains(expected), "{after}\nwas refused with: {}", status.message);
            }
            (expected, result) => panic!("expected {expected:?} for {after}, got {result:?}"),
        }
        api.delete("orders", &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test]
async fn an_object_that_has_a_backup_instance_cannot_be_given_another() {
    let (_, api) = install().await;
    api.create(&PostParams::default(), &parse(object("orders", &flexible_server()))).await.unwrap();
    let status =
        json!({ "status": { "backupInstance": { "name": "orders-1", "protectionState": "ProtectionConfigured" } } });
    api.patch_status("orders", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let set = async |name: &str| {
        let patch = json!({ "spec": { "backupInstanceName": name } });
        api.patch("orders", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    let refusal = set("orders-2").await.unwrap_err().to_string();
    assert!(refusal.contains("cannot be set any more"), "{refusal}");
    set("orders-1").await.unwrap();
}

/// `kubectl explain`, once kubectl knows the short name: an API server publishes a new kind a moment after it serves it, and
/// offers nothing to wait for.
async fn explain(control_plane: &ControlPlane, what: &[&str]) -> String {
    let args: Vec<_> = ["explain"].into_iter().chain(what.iter().copied()).collect();
    for _ in 0..100 {
        match control_plane.kubectl().run(&args).await {
            Err(error) if error.to_string().contains("doesn't have a resource type") => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            result => return result.unwrap(),
        }
    }
    panic!("the API server does not publish the kind");
}

#[tokio::test]
async fn a_new_object_never_looks_finished_and_explains_itself() {
    let (control_plane, api) = install().await;
    let created = api.create(&PostParams::default(), &parse(object("orders", &flexible_server()))).await.unwrap();
    assert_eq!(created.data["status"]["observedGeneration"], -1);
    assert_eq!(created.data["spec"]["deletionPolicy"], "Delete");

    let manual = explain(control_plane, &["pgb.spec", "--recursive"]).await;
    for field in
        ["database", "resourceId", "userAssignedIdentity", "keyVaultSecret", "backupInstanceName", "deletionPolicy"]
    {
        assert!(manual.contains(field), "{manual}");
    }
    let manual = explain(control_plane, &["pgb.spec.database.resourceId"]).await;
    assert!(manual.contains("az postgres flexible-server show"), "{manual}");
}

#[tokio::test]
async fn a_grant_that_can_be_seen_to_be_wrong_is_refused() {
    let (control_plane, _) = install().await;
    let grants = grants(control_plane).await;
    let group = |name: &str| format!("{SUBSCRIPTION}/resourceGroups/{name}");
    let spec = || {
        json!({
            "namespaces": { "names": ["shop"], "selector": { "matchLabels": { "team": "shop" } } },
            "vaults": [SUBSCRIPTION, group("backup"), with_provider(&group("backup"), "Microsoft.DataProtection/backupVaults/v1")],
            "databases": [
                SUBSCRIPTION.to_uppercase(),
                group("data"),
                with_provider(&group("data"), "Microsoft.DBforPostgreSQL/flexibleServers/orders"),
                with_provider(&group("data"), "Microsoft.DBforPostgreSQL/servers/legacy"),
                with_provider(&group("data"), "Microsoft.DBforPostgreSQL/servers/legacy/databases/db"),
            ],
            "keyVaults": ["team-kv.vault.azure.net"],
            "policies": ["weekly"],
            "modes": ["Observe"],
            "deletionPolicies": ["Retain"],
            "identity": { "serviceAccount": { "name": "postgres-backup", "clientId": GUID, "tenantId": GUID } },
        })
    };
    let grant = |spec: &Value| {
        let mut grant = object("shop", spec);
        grant["kind"] = json!("PostgresBackupGrant");
        grant
    };
    assert_eq!(refusal(&grants, grant(&spec())).await, None);
    for (pointer, value, expected) in [
        ("/vaults", json!([format!("{SUBSCRIPTION}/")]), "must be ARM ids of Backup vaults"),
        ("/vaults", json!([group("a/../b")]), "must be ARM ids of Backup vaults"),
        ("/vaults", json!(["/subscriptions/*"]), "must be ARM ids of Backup vaults"),
        ("/vaults", Value::Null, "Required value"),
        (
            "/databases",
            json!([with_provider(&group("d"), "Microsoft.DataProtection/backupVaults/v1")]),
            "must be ARM ids of PostgreSQL",
        ),
        ("/keyVaults", json!(["https://team-kv.vault.azure.net"]), "must be hosts of Key Vaults"),
        ("/keyVaults", json!(["team-kv"]), "must be hosts of Key Vaults"),
        ("/policies", json!([]), "should have at least 1 items"),
        ("/policies", json!(["a/b"]), "must be names of backup policies"),
        ("/modes", json!(["Everything"]), "Unsupported value"),
        ("/deletionPolicies", json!([]), "should have at least 1 items"),
        ("/identity/serviceAccount/clientId", json!("operator"), "should be at least 36 chars long"),
        ("/identity/serviceAccount/tenantId", json!("x".repeat(36)), "must be a GUID"),
        ("/identity/serviceAccount/name", json!("../admin"), "must be the name of a ServiceAccount"),
        ("/namespaces", Value::Null, "Required value"),
    ] {
        let refused = refusal(&grants, grant(&with(spec(), pointer, value.clone()))).await;
        assert!(refused.as_ref().is_some_and(|words| words.contains(expected)), "{pointer} {value}: {refused:?}");
    }
}

/// The grants of a cluster that has their definition.
async fn grants(control_plane: &ControlPlane) -> Api<DynamicObject> {
    let client = control_plane.client().await.unwrap();
    let established = kube::runtime::conditions::is_crd_established();
    let definitions = Api::all(client.clone());
    kube::runtime::wait::await_condition(definitions, "postgresbackupgrants.pgbackup.dev", established).await.unwrap();
    Api::all_with(client, &kube::api::ApiResource::erase::<PostgresBackupGrant>(&()))
}

/// What `deploy/samples` holds. Each is the subject of a page under `docs`.
const SAMPLES: [&str; 10] = [
    "adopt",
    "flexible-server",
    "grant",
    "missing-permission",
    "observe",
    "retain",
    "single-server-database",
    "suspended",
    "team-grant",
    "validate-only",
];

const GUID: &str = "44444444-4444-4444-8444-44444444440a";

fn with_provider(group: &str, resource: &str) -> String {
    format!("{group}/providers/{resource}")
}
