#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use kube::client::Body;
use kube::runtime::reflector;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::reconcile::testing::{CLUSTER, SERVER, VAULT, authority, object, target};

const OTHER_SERVER: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/invoices";

/// `shop/orders`, made at noon, with `change` merged into it.
fn changed(change: &Value) -> PostgresBackup {
    let mut object = object(json!({}));
    object.metadata.creation_timestamp = serde_json::from_value(json!("2026-11-23T12:00:00Z")).unwrap();
    let mut object = serde_json::to_value(object).unwrap();
    for part in ["metadata", "spec"] {
        for (field, value) in change[part].as_object().into_iter().flatten() {
            object[part][field] = value.clone();
        }
    }
    serde_json::from_value(object).unwrap()
}

/// Another object called `name`, made at `time` of the same day.
fn other(name: &str, time: &str, spec: &Value) -> PostgresBackup {
    let created = format!("2026-11-23T{time}:00Z");
    changed(&json!({ "metadata": { "name": name, "uid": name, "creationTimestamp": created }, "spec": spec }))
}

fn deleted(object: PostgresBackup) -> PostgresBackup {
    let mut object = object;
    object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-23T13:00:00Z")).unwrap();
    object
}

/// Neighbours who know `objects`, and an API server that answers every GET like this.
fn neighbours(objects: impl IntoIterator<Item = PostgresBackup>, answer: (StatusCode, Value)) -> Neighbours {
    knowing(objects.into_iter().map(|object| DeserializeGuard(Ok(object))), answer)
}

fn knowing(objects: impl IntoIterator<Item = Stored>, answer: (StatusCode, Value)) -> Neighbours {
    let service = tower::service_fn(move |_: Request<Body>| {
        let (status, body) = answer.clone();
        let response = Response::builder().status(status).body(Full::new(bytes::Bytes::from(body.to_string())));
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    let neighbours = Neighbours::new(Client::new(service, "shop"), CLUSTER.to_owned(), authority(&["shop"]));
    let (store, mut writer) = reflector::store();
    for object in objects {
        writer.apply_watcher_event(&Event::Apply(object));
    }
    neighbours.watch(store);
    neighbours
}

fn not_found() -> (StatusCode, Value) {
    (StatusCode::NOT_FOUND, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }))
}

#[tokio::test]
async fn the_oldest_live_object_about_the_same_backup_instance_or_database_acts() {
    let same = json!({});
    let shouted = json!({ "database": { "resourceId": SERVER.to_uppercase() } });
    let elsewhere = json!({ "database": { "resourceId": OTHER_SERVER } });
    let other_vault = json!({ "vault": { "resourceId": VAULT.replace("team-vault", "old-vault") } });
    let renamed = json!({ "backupInstanceName": "orders-by-hand" });
    let ours = changed(&json!({}));
    let name = target(&ours).instance.name().to_string();
    let homonym = json!({ "database": { "resourceId": OTHER_SERVER }, "backupInstanceName": name });
    let observing = json!({ "mode": "Observe" });
    let validating = json!({ "mode": "ValidateOnly" });
    let retaining = json!({ "deletionPolicy": "Retain", "protection": "Stopped" });
    for (expected, others) in [
        (None, vec![]),
        (None, vec![ours.clone()]),
        (Some(("a", true)), vec![other("a", "11:00", &same)]),
        (None, vec![other("a", "13:00", &same)]),
        (Some(("b", true)), vec![other("a", "11:30", &same), other("b", "11:00", &same), other("c", "13:00", &same)]),
        // Made in the same second: the name decides.
        (Some(("a", true)), vec![other("a", "12:00", &same)]),
        (None, vec![other("p", "12:00", &same)]),
        (None, vec![deleted(other("a", "11:00", &same))]),
        (None, vec![other("a", "11:00", &observing)]),
        (None, vec![other("a", "11:00", &validating)]),
        (Some(("a", true)), vec![other("a", "11:00", &retaining)]),
        (Some(("a", true)), vec![other("a", "11:00", &shouted)]),
        (None, vec![other("a", "11:00", &elsewhere)]),
        (None, vec![other("a", "11:00", &other_vault)]),
        (Some(("a", false)), vec![other("a", "11:00", &renamed)]),
        (Some(("a", true)), vec![other("a", "11:00", &homonym)]),
    ] {
        let names: Vec<_> = others.iter().map(ResourceExt::name_any).collect();
        let elder = neighbours(others, not_found()).elder(&ours, &target(&ours));
        let expected = expected.map(|(name, same_instance)| Rival {
            name: format!("shop/{name}"),
            same_instance,
            has_taken_over: false,
        });
        assert_eq!(elder, expected, "{names:?}");
    }
}

#[tokio::test]
async fn a_deleted_object_hands_over_to_the_oldest_live_one_about_the_same_backup_instance() {
    let ours = deleted(changed(&json!({})));
    let renamed = json!({ "backupInstanceName": "orders-by-hand" });
    let same = json!({});
    for (expected, others) in [
        (None, vec![ours.clone()]),
        (Some("shop/a"), vec![other("a", "11:00", &same)]),
        (Some("shop/a"), vec![other("a", "13:00", &same), other("b", "14:00", &same)]),
        (Some("shop/b"), vec![other("a", "13:00", &renamed), other("b", "14:00", &same)]),
        (None, vec![other("a", "11:00", &renamed)]),
        (None, vec![deleted(other("a", "13:00", &same))]),
        (None, vec![other("a", "13:00", &json!({ "mode": "Observe" }))]),
    ] {
        let names: Vec<_> = others.iter().map(ResourceExt::name_any).collect();
        let successor = neighbours(others, not_found()).successor(&ours, &target(&ours));
        assert_eq!(successor.map(|rival| rival.name).as_deref(), expected, "{names:?}");
    }
}

#[tokio::test]
async fn a_backup_instance_is_taken_only_from_whom_it_no_longer_belongs_to() {
    use Claim::{Free, Ours};

    let others = |owner: &str| Claim::Others(owner.to_owned());
    let annotated = changed(&json!({ "metadata": { "annotations": { annotations::TAKE_OVER_FROM: "old/shop/a" } } }));
    let plain = changed(&json!({}));
    let found = |object: PostgresBackup| (StatusCode::OK, serde_json::to_value(object).unwrap());
    let same = json!({});
    let gone = not_found();
    let moved = other("a", "11:00", &json!({ "backupInstanceName": "orders-by-hand" }));
    let unreadable = (StatusCode::OK, json!({ "metadata": { "name": "a" }, "spec": { "database": 7 } }));
    let down = (StatusCode::INTERNAL_SERVER_ERROR, json!({ "kind": "Status", "status": "Failure", "code": 500 }));
    for (expected, object, owner, known, answer) in [
        (Free, &plain, None, None, &gone),
        (Ours, &plain, Some("test/shop/orders"), None, &gone),
        (Free, &annotated, Some("old/shop/a"), None, &gone),
        (others("old/shop/b"), &annotated, Some("old/shop/b"), None, &gone),
        (others("old/shop/a"), &plain, Some("old/shop/a"), None, &gone),
        // A younger object had taken it while this one stood aside.
        (Free, &plain, Some("test/shop/a"), Some(other("a", "13:00", &same)), &found(other("a", "13:00", &same))),
        // Its owner, as the API server has it.
        (Free, &plain, Some("test/shop/a"), None, &gone),
        (Free, &plain, Some("test/shop/a"), None, &found(deleted(other("a", "11:00", &same)))),
        (Free, &plain, Some("test/shop/a"), None, &found(other("a", "11:00", &json!({ "mode": "Observe" })))),
        (Free, &plain, Some("test/shop/a"), None, &found(moved)),
        (others("test/shop/a"), &plain, Some("test/shop/a"), None, &found(other("a", "13:00", &same))),
        // What cannot be read counts as existing.
        (others("test/shop/a"), &plain, Some("test/shop/a"), None, &unreadable),
        (others("test/shop/a"), &plain, Some("test/shop/a"), None, &down),
        (others("sha256:77"), &plain, Some("sha256:77"), None, &gone),
        (others("testing/shop/a"), &plain, Some("testing/shop/a"), None, &gone),
    ] {
        let case = format!("{owner:?}, {known:?}, {answer:?}");
        let neighbours = neighbours(known, answer.clone());
        assert_eq!(neighbours.claim(object, &target(object), owner).await, expected, "{case}");
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_no_rival() {
    let ours = changed(&json!({}));
    let broken: Stored = serde_json::from_value(json!({
        "apiVersion": "pgbackup.dev/v1alpha1",
        "kind": "PostgresBackup",
        "metadata": { "namespace": "shop", "name": "a", "uid": "a", "creationTimestamp": "2026-11-23T11:00:00Z" },
        "spec": { "database": { "resourceId": SERVER }, "vault": 7 },
    }))
    .unwrap();
    assert!(broken.0.is_err());
    let neighbours = knowing([broken], not_found());
    assert_eq!(neighbours.elder(&ours, &target(&ours)), None);
}
