#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::api::PostgresBackupGrantSpec;

const SUBSCRIPTION: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11";

fn spec() -> Value {
    json!({
        "namespaces": { "names": ["shop"] },
        "vaults": [format!("{SUBSCRIPTION}/resourceGroups/backup")],
        "databases": [format!("{SUBSCRIPTION}/resourceGroups/data")],
        "keyVaults": ["team-kv.vault.azure.net"],
    })
}

fn with(pointer: &str, value: Value) -> Grant {
    let mut spec = spec();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[field] = value;
    grant(spec)
}

fn grant(spec: Value) -> Grant {
    let spec: PostgresBackupGrantSpec = serde_json::from_value(spec).unwrap();
    Grant::parse(&PostgresBackupGrant::new("team", spec), "postgres-backup")
}

fn request() -> Request {
    let id = |group: &str, rest: &str| format!("{SUBSCRIPTION}/resourceGroups/{group}/providers/{rest}");
    Request {
        vault: id("backup", "Microsoft.DataProtection/backupVaults/team-vault").parse().unwrap(),
        database: id("data", "Microsoft.DBforPostgreSQL/flexibleServers/orders").parse().unwrap(),
        key_vault: Some("TEAM-KV.vault.azure.net".parse().unwrap()),
        policy: Some("weekly".parse().unwrap()),
        mode: Mode::Enforce,
        deletion_policy: DeletionPolicy::Delete,
        takes_over: false,
    }
}

fn allows(grant: &Grant) -> bool {
    allows_in(grant, "shop", &[("team", "a")])
}

fn allows_in(grant: &Grant, name: &str, labels: &[(&str, &str)]) -> bool {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    grant.allows(&request(), Namespace { name, labels: Some(&labels) })
}

#[test]
fn a_grant_allows_what_it_covers_and_nothing_when_one_thing_is_missing() {
    assert!(allows(&grant(spec())));
    for (pointer, value, allowed) in [
        ("/vaults", json!([SUBSCRIPTION]), true),
        ("/vaults", json!([]), false),
        ("/vaults", json!([format!("{SUBSCRIPTION}/resourceGroups/back")]), false),
        ("/databases", json!([format!("{SUBSCRIPTION}/resourceGroups/data2")]), false),
        ("/databases", json!(["../..", SUBSCRIPTION]), true),
        ("/keyVaults", json!([]), false),
        ("/keyVaults", json!(["eam-kv.vault.azure.net"]), false),
        ("/policies", json!(["weekly"]), true),
        ("/policies", json!(["week"]), false),
        ("/policies", json!([]), false),
        ("/modes", json!(["Observe", "Enforce"]), true),
        ("/modes", json!(["Observe"]), false),
        ("/deletionPolicies", json!(["Delete"]), true),
        ("/deletionPolicies", json!(["Retain"]), false),
        ("/allowTakeOver", json!(true), true),
    ] {
        assert_eq!(allows(&with(pointer, value.clone())), allowed, "{pointer} {value}");
    }
}

#[test]
fn taking_over_has_to_be_allowed() {
    let request = Request { takes_over: true, ..request() };
    let namespace = Namespace { name: "shop", labels: None };
    assert!(!grant(spec()).allows(&request, namespace));
    assert!(with("/allowTakeOver", json!(true)).allows(&request, namespace));
}

#[test]
fn namespaces_are_matched_by_name_and_by_label() {
    let team = |values: Value| json!({ "matchExpressions": [{ "key": "team", "operator": "In", "values": values }] });
    for (namespaces, labels, allowed) in [
        (json!({ "names": ["shop"] }), &[][..], true),
        (json!({ "names": ["shop2", "sho"] }), &[], false),
        (json!({ "names": [] }), &[], false),
        (json!({}), &[("team", "a")], false),
        (json!({ "selector": {} }), &[("team", "a")], false),
        (json!({ "selector": { "matchLabels": {} } }), &[("team", "a")], false),
        (json!({ "selector": { "matchLabels": { "team": "a" } } }), &[("team", "a")], true),
        (json!({ "selector": { "matchLabels": { "team": "a" } } }), &[("team", "b")], false),
        (json!({ "selector": { "matchLabels": { "team": "a" } } }), &[], false),
        (json!({ "selector": team(json!(["a", "b"])) }), &[("team", "b")], true),
        (json!({ "selector": team(json!([])) }), &[("team", "b")], false),
        (json!({ "names": ["shop"], "selector": { "matchLabels": { "team": "a" } } }), &[("team", "a")], true),
        (json!({ "names": ["shop"], "selector": { "matchLabels": { "team": "a" } } }), &[("team", "b")], false),
        (json!({ "names": ["other"], "selector": { "matchLabels": { "team": "a" } } }), &[("team", "a")], false),
        (json!({ "names": ["shop"], "selector": {} }), &[], false),
    ] {
        let grant = with("/namespaces", namespaces.clone());
        assert_eq!(allows_in(&grant, "shop", labels), allowed, "{namespaces} {labels:?}");
    }
}

#[test]
fn the_labels_of_an_unknown_namespace_match_nothing() {
    let absent = json!({ "selector": { "matchExpressions": [{ "key": "public", "operator": "DoesNotExist" }] } });
    let grant = with("/namespaces", absent);
    assert!(allows_in(&grant, "shop", &[]));
    assert!(!grant.allows(&request(), Namespace { name: "shop", labels: None }));
}

#[test]
fn what_is_wrong_is_said_and_grants_nothing() {
    for (pointer, value, problem) in [
        ("/vaults", json!([]), "spec.vaults"),
        ("/databases", json!([]), "spec.databases"),
        ("/namespaces", json!({}), "spec.namespaces"),
        ("/namespaces", json!({ "selector": {} }), "spec.namespaces"),
        ("/policies", json!([]), "spec.policies"),
        ("/vaults", json!(["/subscriptions/x"]), "does not say which vaults"),
        ("/keyVaults", json!(["https://team-kv.vault.azure.net"]), "not the host of a Key Vault"),
        (
            "/namespaces",
            json!({ "selector": { "matchExpressions": [{ "key": "team", "operator": "Near" }] } }),
            "spec.namespaces.selector",
        ),
    ] {
        let grant = with(pointer, value.clone());
        let problems: Vec<_> = grant.problems().iter().map(|problem| format!("{problem:?}")).collect();
        assert!(problems.iter().any(|text| text.contains(problem)), "{pointer} {value}: {problems:?}");
        assert!(!allows(&grant), "{pointer} {value}");
    }
    assert_eq!(grant(spec()).problems(), []);
}

#[test]
fn an_identity_that_cannot_be_read_is_never_the_operators_own() {
    let account = |client: &str| json!({ "serviceAccount": { "clientId": client, "tenantId": client } });
    let own = grant(spec()).identity("shop");
    assert_eq!(own, Some(Identity::Own));
    for client in ["", "operator", "{44444444-4444-4444-8444-44444444440a}", "44444444444444448444444444444444"] {
        let grant = with("/identity", account(client));
        assert_eq!(grant.identity("shop"), None, "{client}");
        assert!(!grant.problems().is_empty());
    }
    let grant = with("/identity", account("ABCDEF44-4444-4444-8444-44444444440A"));
    let Some(Identity::Workload(identity)) = grant.identity("shop") else { panic!() };
    assert_eq!((identity.namespace.as_str(), identity.service_account.as_str()), ("shop", "postgres-backup"));
    assert_eq!(identity.client_id, "abcdef44-4444-4444-8444-44444444440a");
}
