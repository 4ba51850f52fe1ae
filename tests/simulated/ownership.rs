//! What is not ours is left alone: never written to, never deleted. And of several objects for one database, one acts.

use std::time::Duration;

use http::Method;
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, Protection, Reason, annotations};
use serde_json::{Value, json};

use crate::api_server::{CLUSTER_UID, NAMESPACE};
use crate::azure::{VAULT, server_id};
use crate::samples;
use crate::wire::{Call, Reply};
use crate::world::{Setup, World, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Somebody else protects a server under a name that a test's object wants.
async fn occupied(setup: Setup, server: &str, tags: Value) -> World {
    let world = World::with(setup);
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
    world.pass(2 * MINUTE).await;
    world
}

/// The same, protecting the right server, with an owner tag.
async fn owned_by(owner: &str) -> World {
    occupied(Setup::default(), "orders", json!({ "pgbackup-owner": owner })).await
}

/// Wants the name that is occupied.
fn claimant() -> PostgresBackup {
    let mut object = samples::flexible("orders");
    object.spec.backup_instance_name = Some("taken".to_owned());
    object
}

/// Creates an object that wants the name, edits and deletes it, and expects that nothing of it reaches Azure.
async fn expect_hands_off(world: &World, reason: Reason) {
    let before = world.azure.instance();
    for policy in [DeletionPolicy::StopProtection, DeletionPolicy::Delete] {
        let mut object = claimant();
        object.spec.deletion_policy = policy;
        world.kubernetes.create(&object);
        world.stalled("orders", reason).await;
        let writes = world.kubernetes.history("orders").len();
        world.pass(24 * HOUR).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips\n{}", world.wire);

        world.kubernetes.edit("orders", |spec| spec.policy.name = "other".to_owned());
        world.pass(HOUR).await;
        world.kubernetes.edit("orders", |spec| spec.protection = Protection::Stopped);
        world.pass(HOUR).await;
        world.kubernetes.delete("orders");
        world.gone("orders").await;
        world.pass(HOUR).await;
    }
    assert_eq!(world.wire.count(Call::writes_azure), 0);
    let after = world.azure.instance();
    assert_eq!((before.spec, before.tags, before.state), (after.spec, after.tags, after.state));
}

/// Expects that the object takes the occupied name over with one PUT.
async fn expect_taken_over(world: &World) {
    world.ready("orders").await;
    assert_eq!(owner(world), tag("orders"));
    world.pass(HOUR).await;
    assert_eq!(world.wire.of(Call::Put).len(), 1, "{}", world.wire);
}

fn owner(world: &World) -> String {
    world.azure.instance().tags["pgbackup-owner"].clone()
}

fn tag(name: &str) -> String {
    format!("{CLUSTER_UID}/{NAMESPACE}/{name}")
}

/// What the operator has asked of Azure besides looking.
fn writes(world: &World) -> Vec<Call> {
    world.wire.sent().into_iter().map(|sent| sent.call).filter(|call| call.writes_azure()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_protects_another_database() {
    let world = occupied(Setup::default(), "billing", json!({})).await;
    expect_hands_off(&world, Reason::DatasourceMismatch).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_protects_another_database_and_carries_our_tag() {
    let world = occupied(Setup::default(), "billing", json!({ "pgbackup-owner": tag("orders") })).await;
    expect_hands_off(&world, Reason::DatasourceMismatch).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_cluster() {
    let world = owned_by("another-cluster/shop/orders").await;
    expect_hands_off(&world, Reason::OwnedByAnother).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_object_whatever_the_casing_of_the_tag() {
    let world = occupied(Setup::default(), "orders", json!({ "PGBACKUP-OWNER": "another-cluster/shop/orders" })).await;
    expect_hands_off(&world, Reason::OwnedByAnother).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_takes_away_from_us_is_left_to_them() {
    let world = World::protected().await;
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
async fn another_clusters_instance_is_taken_over_once_the_annotation_says_exactly_from_whom() {
    let theirs = "another-cluster/shop/orders";
    let world = owned_by(theirs).await;
    world.kubernetes.create(&claimant());
    let object = world.stalled("orders", Reason::OwnedByAnother).await;
    assert!(message(&object).contains(&format!("{}: {theirs}", annotations::TAKE_OVER_FROM)), "{}", message(&object));
    for nearly in ["another-cluster", "another-cluster/shop", "another-cluster/shop/ORDERS", "*", "true"] {
        world.kubernetes.annotate("orders", annotations::TAKE_OVER_FROM, nearly);
        world.pass(HOUR).await;
        assert_eq!((writes(&world), owner(&world)), (vec![], theirs.to_owned()), "{nearly}");
    }
    world.kubernetes.annotate("orders", annotations::TAKE_OVER_FROM, theirs);
    expect_taken_over(&world).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_owner_is_gone_is_taken_over() {
    let world = owned_by(&tag("long-gone")).await;
    world.kubernetes.create(&claimant());
    expect_taken_over(&world).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_owner_lives_where_the_operator_does_not_watch_is_left_alone() {
    let setup = Setup { namespace: Some(NAMESPACE), ..Setup::default() };
    let theirs = format!("{CLUSTER_UID}/elsewhere/orders");
    let world = occupied(setup, "orders", json!({ "pgbackup-owner": theirs })).await;
    let mut living = claimant();
    living.metadata.namespace = Some("elsewhere".to_owned());
    world.kubernetes.create(&living);
    world.kubernetes.create(&claimant());
    world.stalled("orders", Reason::OwnedByAnother).await;
    world.pass(24 * HOUR).await;
    assert_eq!((writes(&world), owner(&world)), (vec![], theirs));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_cannot_be_looked_for_counts_as_living() {
    for answer in [Reply::error(403, "Forbidden"), Reply::error(500, "InternalError")] {
        let world = owned_by(&format!("{CLUSTER_UID}/secret/orders")).await;
        world.wire.disturb_all(Call::Get, answer);
        world.kubernetes.create(&claimant());
        world.stalled("orders", Reason::OwnedByAnother).await;
        world.pass(HOUR).await;
        assert_eq!(writes(&world), []);
        world.wire.calm();
        expect_taken_over(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_about_another_instance_by_now_has_given_this_one_up() {
    let world = owned_by(&tag("billing")).await;
    world.kubernetes.create(&samples::flexible("billing"));
    world.ready("billing").await;
    world.kubernetes.create(&claimant());
    world.ready("orders").await;
    let taken = world.azure.instance_named("taken").unwrap();
    assert_eq!(taken.tags["pgbackup-owner"], tag("orders"));
}

#[tokio::test(start_paused = true)]
async fn names_that_are_too_long_for_a_tag_are_known_by_their_hash() {
    let name = format!("orders-{}", "x".repeat(240));
    let world = World::start();
    world.kubernetes.create(&samples::flexible_as(&name, "orders"));
    world.ready(&name).await;
    let hashed = owner(&world);
    assert!(hashed.starts_with("sha256:"), "{hashed}");
    world.restart().await;
    world.pass(HOUR).await;
    assert_eq!(world.wire.of(Call::Put).len(), 1, "it does not know its own\n{}", world.wire);

    // Of whom it is, the hash does not tell: so nobody else takes it without being told to.
    world.kubernetes.edit(&name, |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.ready(&name).await;
    world.kubernetes.delete(&name);
    world.gone(&name).await;
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::OwnedByAnother).await;
    world.kubernetes.annotate("orders", annotations::TAKE_OVER_FROM, &hashed);
    world.ready("orders").await;
    assert_eq!(owner(&world), tag("orders"));
}
