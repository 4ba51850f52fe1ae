//! What was deleted can be brought back: applying the object again undoes its deletion, with every recovery point.

use std::time::Duration;

use azure_emulator::DatasourceInfo;
use http::Method;
use jiff::Timestamp;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{Protection, Reason, annotations};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::{Value, json};

use crate::azure::{id, server_id};
use crate::samples;
use crate::wire::Call::{Delete, GetDeleted, GetInstance, Put, Resume, Suspend, Undelete, Validate, ValidateChange};
use crate::wire::{Call, Fault, Reply};
use crate::world::{Setup, World, is, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was asked of Azure since the object was applied again, once it is ready and nothing more follows.
async fn asked(world: &World, position: usize) -> Vec<Call> {
    world.ready("orders").await;
    world.pass(30 * MINUTE).await;
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready), "{}", world.wire);
    world.wire.asked_since(position)
}

/// A world with a soft-deleted backup instance that was changed by somebody before it was deleted.
async fn deleted_with(change: impl FnOnce(&mut azure_emulator::Instance)) -> World {
    let world = World::orphaned(&samples::flexible("orders")).await;
    world.azure.befall(change);
    world.azure.send(Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.azure.tombstones(), 1);
    world
}

fn purge_time(world: &World) -> Timestamp {
    conditions::whole_seconds(world.azure.tombstone().purge_at)
}

/// Lets days pass, in which an operator would only renew its watches.
async fn pass_unattended(world: &World, time: Duration) {
    world.power.switch_off().await;
    world.pass(time).await;
    world.power.switch_on();
}

/// Lets time pass until so long before the soft-deleted backup instance is purged.
async fn pass_until_purge(world: &World, before: Duration) {
    let now = world.now();
    let left = Duration::try_from(purge_time(world).duration_since(now)).unwrap();
    pass_unattended(world, left - before).await;
}

#[tokio::test(start_paused = true)]
async fn applying_the_object_again_undoes_its_deletion() {
    for sample in samples::both_kinds() {
        let world = World::soft_deleted(&sample).await;
        let position = world.wire.position();
        world.kubernetes.create(&sample);
        let object = world.reconciling("orders", Reason::Undeleting).await;
        assert!(message(&object).contains("recovery points"), "{}", message(&object));
        assert_eq!(asked(&world, position).await, [Undelete, Resume], "{}", world.wire);
        assert_eq!(world.azure.tombstones(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_object_now_asks_for_follows() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let position = world.wire.position();
    let mut object = samples::flexible("orders");
    object.spec.policy.name = "daily".to_owned();
    world.kubernetes.create(&object);
    assert_eq!(asked(&world, position).await, [Undelete, Resume, ValidateChange, Put]);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_stopped_is_brought_back_stopped() {
    let cases: [(Protection, &[Call]); 2] =
        [(Protection::Stopped, &[Undelete]), (Protection::Suspended, &[Undelete, Resume, Suspend])];
    for (protection, expected) in cases {
        let world = World::soft_deleted(&samples::flexible("orders")).await;
        let position = world.wire.position();
        let mut object = samples::flexible("orders");
        object.spec.protection = protection;
        world.kubernetes.create(&object);
        assert_eq!(asked(&world, position).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_another_instance_protects_by_now_is_left_to_that() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let position = world.wire.position();
    world.azure.protect_by_hand("by-hand", "orders");
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains("spec.backupInstanceName: by-hand"), "{}", message(&object));
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!((world.kubernetes.history("orders").len(), world.wire.asked_since(position)), (writes, vec![]));

    world.azure.remove_by_hand("by-hand");
    assert_eq!(asked(&world, position).await, [Undelete, Resume]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_cluster_is_not_brought_back_unless_it_is_taken_over() {
    const OWNER: &str = "another-cluster/shop/orders";
    let world = deleted_with(|instance| instance.tags = [("pgbackup-owner".to_owned(), OWNER.to_owned())].into()).await;
    let position = world.wire.position();
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.stalled("orders", Reason::OwnedByAnother).await;
    assert!(message(&object).contains(OWNER), "{}", message(&object));
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.asked_since(position), []);

    world.kubernetes.annotate("orders", annotations::TAKE_OVER_FROM, OWNER);
    assert_eq!(asked(&world, position).await, [Undelete, Resume, Put]);
    assert_ne!(world.azure.instance().tags["pgbackup-owner"], OWNER);
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_another_database_is_not_brought_back() {
    let other = DatasourceInfo::of(&id(&server_id("billing")), "westeurope");
    let world = deleted_with(|instance| instance.spec.datasource = other).await;
    let position = world.wire.position();
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::DatasourceMismatch).await;
    world.pass(60 * MINUTE).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.wire.asked_since(position), []);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_purged_while_its_undelete_is_on_its_way_is_created_anew() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    pass_until_purge(&world, MINUTE).await;
    let position = world.wire.position();
    world.wire.disturb(Undelete, 1, Fault::ArriveLate(2 * MINUTE));
    world.kubernetes.create(&samples::flexible("orders"));
    assert_eq!(asked(&world, position).await, [Undelete, Validate, Put], "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_purged_between_the_look_and_the_undelete_is_created_anew() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    pass_until_purge(&world, Duration::from_secs(10)).await;
    let position = world.wire.position();
    world.wire.disturb(GetDeleted, 1, Fault::Delay(Duration::from_secs(20)));
    world.kubernetes.create(&samples::flexible("orders"));
    assert_eq!(asked(&world, position).await, [Undelete, Validate, Put], "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_was_purged_long_ago_is_created_anew() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let position = world.wire.position();
    pass_unattended(&world, 15 * DAY).await;
    world.kubernetes.create(&samples::flexible("orders"));
    assert_eq!(asked(&world, position).await, [Validate, Put]);
}

#[tokio::test(start_paused = true)]
async fn an_undelete_that_does_not_find_the_instance_is_looked_into_again() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let position = world.wire.position();
    world.wire.disturb(Undelete, 1, Reply::error(404, "UserErrorGenericResourceNotFound"));
    world.kubernetes.create(&samples::flexible("orders"));
    assert_eq!(asked(&world, position).await, [Undelete, Undelete, Resume], "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_old_api_version_says_in_azures_words_that_the_instance_is_soft_deleted() {
    let world = World::with(Setup { api_version: ApiVersion::V2022_05_01, ..Setup::default() });
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    let path = world.azure.instance().id.to_string();
    world.azure.send(Method::DELETE, &path, &Value::Null);
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains("SoftDeleted"), "{}", message(&object));
    assert!(!is(&object, ConditionType::Protected));
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
    assert_eq!((world.wire.of(GetDeleted).len(), world.wire.of(Undelete).len()), (0, 0));

    let deleted = path.replace("/backupInstances/", "/deletedBackupInstances/");
    let (answer, _) = world.azure.send(Method::POST, &format!("{deleted}/undelete"), &json!({}));
    assert_eq!(answer, 200);
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 1, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_while_its_undelete_is_uncertain_leaves_no_orphan() {
    for late in [1, 30, 90, 299] {
        for deleted_after in [0, 10, 100] {
            let world = World::soft_deleted(&samples::flexible("orders")).await;
            let position = world.wire.position();
            world.wire.disturb(Undelete, 1, Fault::ArriveLate(Duration::from_secs(late)));
            world.kubernetes.create(&samples::flexible("orders"));
            world.sent(|sent| sent.call == Undelete, 1).await;
            world.pass(Duration::from_secs(deleted_after)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            let what = format!("{late} {deleted_after}\n{}", world.wire);
            assert_eq!((world.azure.instances().len(), world.azure.tombstones()), (0, 1), "{what}");
            let asked = world.wire.asked_since(position);
            assert_eq!(asked.iter().filter(|call| **call == Delete).count(), 1, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_at_any_moment_of_its_return_leaves_no_orphan() {
    for (call, occurrence) in [(GetInstance, 1), (GetDeleted, 1), (Undelete, 1), (GetInstance, 2), (Resume, 1)] {
        for later in [0, 20, 70, 2_000, 20_000] {
            let world = World::soft_deleted(&samples::flexible("orders")).await;
            let sent = world.wire.of(call).len();
            world.kubernetes.create(&samples::flexible("orders"));
            world.sent(|sent| sent.call == call, sent + occurrence).await;
            world.pass(Duration::from_millis(later)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            let what = format!("{call:?} {occurrence} {later}\n{}", world.wire);
            assert_eq!((world.azure.instances().len(), world.azure.tombstones()), (0, 1), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_event_says_until_when_and_how_the_deletion_can_be_undone() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let notes = world.kubernetes.told(Reason::Deleted);
    let until = format!("Until {}", purge_time(&world));
    let says = |note: &String| note.contains(&until) && note.contains("apply this object again");
    assert!(notes.len() == 1 && says(&notes[0]), "{notes:?}, not {until}");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_brings_back_first_is_simply_resumed() {
    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let position = world.wire.position();
    world.wire.disturb(Undelete, 1, Reply::error(503, "ServerBusy"));
    world.kubernetes.create(&samples::flexible("orders"));
    world.sent(|sent| sent.call == Undelete, 1).await;
    let deleted =
        world.azure.tombstone().instance.id.to_string().replace("/backupInstances/", "/deletedBackupInstances/");
    assert_eq!(world.azure.send(Method::POST, &format!("{deleted}/undelete"), &json!({})).0, 200);
    assert_eq!(asked(&world, position).await, [Undelete, Resume], "{}", world.wire);
    assert_eq!(status(&world.kubernetes.get("orders").unwrap()).issues, []);
}
