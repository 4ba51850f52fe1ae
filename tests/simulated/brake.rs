//! Mass deletion is held: a pruned directory must not cost a fleet its backups.

use std::time::Duration;

use kube::ResourceExt;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{DeletionPolicy, Reason, annotations};

use crate::samples;
use crate::wire::Call::Delete;
use crate::world::{World, has_reason, is, message};

const MINUTE: Duration = Duration::from_secs(60);

/// More than the ten that are let through in ten minutes.
const FLEET: usize = 25;

const HELD: &str = "postgresbackup_deletions_held";

fn name(number: usize) -> String {
    format!("fleet-{number:02}")
}

fn names() -> impl Iterator<Item = String> {
    (0..FLEET).map(name)
}

/// A protected fleet, all of it deleted at once.
async fn pruned() -> World {
    let world = World::start();
    names().for_each(|name| world.kubernetes.create(&samples::flexible(&name)));
    for name in names() {
        world.ready(&name).await;
    }
    names().for_each(|name| world.kubernetes.delete(&name));
    world.pass(5 * MINUTE).await;
    world
}

fn held(world: &World) -> Vec<String> {
    let objects = names().filter_map(|name| world.kubernetes.get(&name));
    objects.filter(|object| has_reason(object, Reason::HeldByBrake)).map(|object| object.name_any()).collect()
}

#[tokio::test(start_paused = true)]
async fn ten_in_ten_minutes_and_the_rest_later() {
    let world = pruned().await;
    for expected in [10, 20, 25] {
        assert_eq!(world.wire.of(Delete).len(), expected, "{}", world.wire);
        assert_eq!((held(&world).len(), world.gauges.read(HELD)), (FLEET - expected, (FLEET - expected) as f64));
        assert_eq!(world.azure.instances().len(), FLEET - expected);
        // What is held is looked at again within a minute.
        world.pass(11 * MINUTE).await;
    }
    assert!(names().all(|name| world.kubernetes.get(&name).is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_says_how_to_go_on_and_how_to_keep_it() {
    let world = pruned().await;
    let object = world.kubernetes.get(&held(&world)[0]).unwrap();
    assert!(is(&object, ConditionType::Deleting) && !is(&object, ConditionType::Ready));
    for part in [annotations::RECONCILE_REQUESTED_AT, "deletionPolicy: Retain"] {
        assert!(message(&object).contains(part), "{}", message(&object));
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_lets_one_through_and_keeps_another() {
    let world = pruned().await;
    let held_before = held(&world);
    world.kubernetes.annotate(&held_before[0], annotations::RECONCILE_REQUESTED_AT, "now");
    world.kubernetes.edit(&held_before[1], |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.kubernetes.edit(&held_before[2], |spec| spec.deletion_policy = DeletionPolicy::StopProtection);
    world.pass(3 * MINUTE).await;
    assert_eq!(world.wire.of(Delete).len(), 11);
    for gone in &held_before[..3] {
        assert!(world.kubernetes.get(gone).is_none(), "{gone}\n{}", world.wire);
    }
    assert_eq!((held(&world).len(), world.gauges.read(HELD)), (12, 12.0));
    assert_eq!(world.azure.instances().len(), FLEET - 11);
}

#[tokio::test(start_paused = true)]
async fn what_is_forced_away_is_held_no_more() {
    let world = pruned().await;
    let name = held(&world).remove(0);
    world.kubernetes.strip(&name);
    world.pass(MINUTE).await;
    assert_eq!((held(&world).len(), world.gauges.read(HELD)), (14, 14.0));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_operator_lets_no_more_through_than_the_limit_once_more() {
    let world = pruned().await;
    world.restart().await;
    world.pass(4 * MINUTE).await;
    let after = world.wire.of(Delete).len();
    assert!((10..=20).contains(&after), "{after} deletions\n{}", world.wire);
    world.pass(30 * MINUTE).await;
    assert_eq!(world.azure.instances().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn deletions_that_were_under_way_when_the_operator_died_count() {
    let world = World::start();
    names().for_each(|name| world.kubernetes.create(&samples::flexible(&name)));
    for name in names() {
        world.ready(&name).await;
    }
    names().for_each(|name| world.kubernetes.delete(&name));
    world.sent(|sent| sent.call == Delete && sent.answer.is_some(), 10).await;
    world.restart().await;
    world.pass(4 * MINUTE).await;
    let after = world.wire.of(Delete).iter().filter(|sent| sent.answer == Some(202)).count();
    assert_eq!(after, 10, "those that are under way are as many as may be\n{}", world.wire);
}
