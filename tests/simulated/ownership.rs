//! What is not ours is left alone: never written to, never deleted.

use std::time::Duration;

use http::Method;
use kube::ResourceExt;
use postgres_backup_operator::api::Reason;
use postgres_backup_operator::api::conditions::ConditionType;
use serde_json::{Value, json};

use crate::azure::{VAULT, server_id};
use crate::samples;
use crate::wire::Call;
use crate::world::{World, is, status};

const HOUR: Duration = Duration::from_secs(3600);

/// A world in which somebody else protects a server under a name that a test's object wants.
async fn occupied(server: &str, tags: Value) -> World {
    let world = World::start();
    let datasource = |kind: &str| {
        json!({
            "objectType": kind, "resourceID": server_id(server), "resourceName": server, "resourceLocation": "westeurope",
            "resourceType": "Microsoft.DBforPostgreSQL/flexibleServers",
            "datasourceType": "Microsoft.DBforPostgreSQL/flexibleServers",
        })
    };
    let body = json!({ "tags": tags, "properties": {
        "objectType": "BackupInstance", "friendlyName": server,
        "dataSourceInfo": datasource("Datasource"), "dataSourceSetInfo": datasource("DatasourceSet"),
        "policyInfo": { "policyId": format!("{VAULT}/backupPolicies/daily") },
    }});
    let (answer, _) = world.azure.send(Method::PUT, &format!("{VAULT}/backupInstances/taken"), &body);
    assert_eq!(answer, 201);
    world.pass(Duration::from_secs(120)).await;
    world
}

/// Creates an object that wants the name, edits and deletes it, and expects that nothing of it reaches Azure.
async fn expect_hands_off(world: &World, reason: Reason) {
    let before = world.azure.instance();
    let mut object = samples::flexible("orders");
    object.spec.backup_instance_name = Some("taken".to_owned());
    world.kubernetes.create(&object);
    world.stalled("orders", reason).await;
    let writes = world.kubernetes.history("orders").len();
    world.pass(24 * HOUR).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips\n{}", world.wire);

    world.kubernetes.edit("orders", |spec| spec.policy.name = "other".to_owned());
    world.pass(HOUR).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.pass(HOUR).await;
    assert_eq!(world.wire.count(Call::writes_azure), 0);
    let after = world.azure.instance();
    assert_eq!((before.spec, before.tags, before.state), (after.spec, after.tags, after.state));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_protects_another_database() {
    let world = occupied("billing", json!({})).await;
    expect_hands_off(&world, Reason::DatasourceMismatch).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_cluster() {
    let world = occupied("orders", json!({ "pgbackup-owner": "another-cluster/shop/orders" })).await;
    expect_hands_off(&world, Reason::OwnedByAnother).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_object_whatever_the_casing_of_the_tag() {
    let world = occupied("orders", json!({ "PGBACKUP-OWNER": "another-cluster/shop/orders" })).await;
    expect_hands_off(&world, Reason::OwnedByAnother).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_takes_away_from_us_is_left_to_them() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    let path = world.azure.instance().id.to_string();
    let (_, mut body) = world.azure.send(Method::GET, &path, &Value::Null);
    body["tags"]["pgbackup-owner"] = json!("another-cluster/shop/orders");
    world.azure.send(Method::PUT, &path, &body);
    let object = world.stalled("orders", Reason::OwnedByAnother).await;
    assert_eq!(status(&object).operation, None);
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.wire.of(Call::Delete).len(), 0);
    assert_eq!(world.azure.instances().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_objects_for_one_database_make_one_instance_and_one_of_them_says_so() {
    let world = World::start();
    let mut twin = samples::flexible("twin");
    twin.spec.database.resource_id = server_id("orders");
    world.kubernetes.create(&samples::flexible("orders"));
    world.kubernetes.create(&twin);
    world.pass(HOUR).await;
    let objects = ["orders", "twin"].map(|name| world.kubernetes.get(name).unwrap());
    let ready = objects.iter().filter(|object| is(object, ConditionType::Ready)).count();
    let stalled = objects.iter().filter(|object| is(object, ConditionType::Stalled)).count();
    assert_eq!((ready, stalled), (1, 1), "{}", world.wire);
    assert_eq!(world.wire.of(Call::Put).iter().filter(|sent| sent.answer == Some(201)).count(), 1);

    let loser = objects.iter().find(|object| is(object, ConditionType::Stalled)).unwrap().name_any();
    world.kubernetes.delete(&loser);
    world.gone(&loser).await;
    assert_eq!(world.azure.instances().len(), 1);
}
