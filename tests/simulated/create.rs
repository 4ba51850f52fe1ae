//! From a new object to a protected database.

use std::time::Duration;

use azure_emulator::Kind;
use kube::ResourceExt;
use postgres_backup_operator::api::{DeletionPolicy, FINALIZER};
use serde_json::json;

use crate::api_server::CLUSTER_UID;
use crate::azure::{SECRET_URI, VAULT};
use crate::samples;
use crate::wire::Call;
use crate::wire::Call::{ApplyStatus, GetDeleted, GetInstance, GetVault, PatchFinalizers, Put, Validate};
use crate::world::{World, status};

/// Every request of a create in its order.
const STEPS: [Call; 11] = [
    PatchFinalizers,
    GetVault,
    GetInstance,
    GetDeleted,
    Validate,
    ApplyStatus, // validating
    GetInstance,
    ApplyStatus, // the intent to create
    Put,
    GetInstance,
    ApplyStatus, // ready
];

#[tokio::test(start_paused = true)]
async fn a_flexible_server_becomes_protected_in_six_requests_and_four_writes() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.ready("orders").await;

    assert_eq!(world.wire.steps(), STEPS);
    let is_budgeted = |call: &&Call| call.is_azure() && **call != GetVault;
    assert!(world.wire.steps().iter().filter(is_budgeted).count() <= 6);
    assert_eq!(world.wire.count(|call| matches!(call, Validate | Put)), 2);
    assert!(world.wire.count(Call::writes_object) <= 4);

    let instance = world.azure.instance();
    assert_eq!(instance.tags["pgbackup-owner"], format!("{CLUSTER_UID}/shop/orders"));
    let seen = status(&object).backup_instance.unwrap();
    assert_eq!(seen.name, instance.name());
    assert_eq!(seen.policy_id, Some(format!("{VAULT}/backupPolicies/weekly")));
}

#[tokio::test(start_paused = true)]
async fn a_database_of_a_single_server_becomes_protected_with_its_secret() {
    let world = World::start();
    world.kubernetes.create(&samples::single("empdb11"));
    let object = world.ready("empdb11").await;

    assert_eq!(world.wire.steps(), STEPS);
    assert_eq!(status(&object).database.as_deref(), Some("legacy/empdb11"));
    let credentials = world.azure.instance().spec.credentials.unwrap();
    assert_eq!(credentials.secret_store_resource.uri.as_deref(), Some(SECRET_URI));
}

#[tokio::test(start_paused = true)]
async fn what_was_validated_is_what_is_created() {
    let world = World::start();
    world.kubernetes.create(&samples::single("empdb11"));
    world.ready("empdb11").await;

    let validated = world.azure.received(Kind::ValidateForBackup).remove(0).request_body.unwrap();
    let created = world.azure.received(Kind::PutInstance).remove(0).request_body.unwrap();
    assert_eq!(validated, json!({ "backupInstance": created["properties"] }));
}

#[tokio::test(start_paused = true)]
async fn people_hear_of_every_turn_once() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.pass(Duration::from_secs(3600)).await;

    let events = world.kubernetes.events();
    let heard: Vec<_> =
        events.iter().map(|event| (event.type_.as_deref().unwrap(), event.reason.as_deref().unwrap())).collect();
    assert_eq!(heard, [("Normal", "Validating"), ("Normal", "Creating"), ("Normal", "Protected")]);
    let uid = world.kubernetes.get("orders").unwrap().uid();
    assert!(events.iter().all(|event| event.regarding.as_ref().unwrap().uid == uid));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_lets_go_of_its_backups_carries_no_finalizer() {
    let world = World::start();
    let mut object = samples::flexible("orders");
    object.spec.deletion_policy = DeletionPolicy::Retain;
    world.kubernetes.create(&object);
    assert_eq!(world.ready("orders").await.finalizers(), &[] as &[String]);
    assert_eq!(world.wire.steps(), STEPS[1..]);

    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Delete);
    assert_eq!(world.ready("orders").await.finalizers().len(), 1);
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    assert_eq!(world.ready("orders").await.finalizers().len(), 0);
    assert_eq!(world.wire.count(Call::writes_azure), 2);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_exists_and_belongs_to_nobody_is_taken_over() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    let before = world.wire.position();

    let mut object = samples::flexible("orders");
    object.spec.policy.name = "daily".to_owned();
    world.kubernetes.create(&object);
    world.ready("orders").await;
    let calls: Vec<_> =
        world.wire.since(before).iter().map(|sent| sent.call).filter(|call| call.writes_azure()).collect();
    assert_eq!(calls, [Call::ValidateChange, Put]);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_finalizer_that_comes_at_the_same_moment_is_kept() {
    let world = World::creating();
    world.sent(|sent| sent.call == PatchFinalizers, 1).await;
    world.kubernetes.hold("orders", "example.com/archive");
    let object = world.ready("orders").await;
    assert_eq!(object.finalizers(), ["example.com/archive", FINALIZER]);
}
