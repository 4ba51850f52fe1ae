//! Of several objects for one database, one acts; when it goes, the next one takes its backup instance over.

use std::time::Duration;

use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Reason};

use crate::api_server::{CLUSTER_UID, NAMESPACE};
use crate::samples;
use crate::wire::Call;
use crate::world::{World, is, message, status};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn owner(world: &World) -> String {
    world.azure.instance().tags["pgbackup-owner"].clone()
}

fn tag(name: &str) -> String {
    format!("{CLUSTER_UID}/{NAMESPACE}/{name}")
}

fn events(world: &World, reason: Reason) -> usize {
    let events = world.kubernetes.events();
    events.iter().filter(|event| event.reason.as_deref() == Some(reason.as_str())).count()
}

/// The object `orders`, and a younger one for the same database that has seen it.
async fn twins(twin: &PostgresBackup) -> World {
    let world = World::protected().await;
    world.kubernetes.create(twin);
    world.pass(5 * SECOND).await;
    world
}

/// What the operator has asked of Azure besides looking.
fn writes(world: &World) -> Vec<Call> {
    world.wire.sent().into_iter().map(|sent| sent.call).filter(|call| call.writes_azure()).collect()
}

#[tokio::test(start_paused = true)]
async fn of_two_objects_for_one_database_the_younger_stands_by() {
    let mut named = samples::flexible_as("twin", "orders");
    named.spec.backup_instance_name = Some("of-my-own".to_owned());
    let mut shouting = samples::flexible_as("twin", "orders");
    shouting.spec.database.resource_id = shouting.spec.database.resource_id.replace("data-rg", "DATA-RG");
    for twin in [samples::flexible_as("twin", "orders"), named, shouting] {
        let world = twins(&twin).await;
        let object = world.stalled("twin", Reason::DuplicateOf).await;
        assert!(message(&object).contains("shop/orders"), "{}", message(&object));
        assert_eq!(status(&object).operation, None);
        let history = world.kubernetes.history("twin").len();
        world.pass(24 * HOUR).await;
        assert_eq!(writes(&world), [Call::Validate, Call::Put], "{}", world.wire);
        assert_eq!(world.kubernetes.history("twin").len(), history, "it flips");
        assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));

        world.kubernetes.delete("twin");
        world.gone("twin").await;
        world.pass(HOUR).await;
        assert_eq!((writes(&world).len(), owner(&world)), (2, tag("orders")));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_objects_of_the_same_second_the_name_decides() {
    for head_start in [Duration::ZERO, SECOND / 10, SECOND / 2] {
        let world = World::start();
        world.pass(MINUTE).await;
        world.kubernetes.create(&samples::flexible_as("b", "orders"));
        world.pass(head_start).await;
        world.kubernetes.create(&samples::flexible_as("a", "orders"));
        world.ready("a").await;
        world.stalled("b", Reason::DuplicateOf).await;
        world.pass(HOUR).await;
        assert_eq!(owner(&world), tag("a"), "{head_start:?}");
        assert!(is(&world.kubernetes.get("a").unwrap(), ConditionType::Ready));
        assert_eq!(world.wire.of(Call::Delete).len(), 0);
    }
}

/// Deletes `orders`, and expects that the object of this tag takes its backup instance over with one PUT.
async fn expect_hand_over(world: &World, heir: &str, heirs_tag: &str) {
    let before = writes(world);
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(events(world, Reason::HandedOver), 1);
    let handed_over = world.elapsed();
    world.ready(heir).await;
    assert!(world.elapsed() - handed_over <= MINUTE, "{:?}\n{}", world.elapsed() - handed_over, world.wire);
    assert_eq!(owner(world), heirs_tag);
    world.pass(24 * HOUR).await;
    assert_eq!(writes(world)[before.len()..], [Call::Put], "{}", world.wire);
    assert_eq!(world.azure.instance().state.as_str(), "ProtectionConfigured");
}

#[tokio::test(start_paused = true)]
async fn the_older_one_hands_over_to_the_younger_when_it_is_deleted() {
    for policy in [DeletionPolicy::Delete, DeletionPolicy::StopProtection] {
        let world = World::start();
        let mut orders = samples::flexible("orders");
        orders.spec.deletion_policy = policy;
        world.kubernetes.create(&orders);
        world.ready("orders").await;
        world.kubernetes.create(&samples::flexible_as("twin", "orders"));
        world.stalled("twin", Reason::DuplicateOf).await;
        expect_hand_over(&world, "twin", &tag("twin")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_moves_to_another_namespace_without_touching_the_backup() {
    let world = World::protected().await;
    let mut moved = samples::flexible("orders");
    moved.metadata.namespace = Some("warehouse".to_owned());
    world.kubernetes.create(&moved);
    world.stalled("warehouse/orders", Reason::DuplicateOf).await;
    expect_hand_over(&world, "warehouse/orders", &format!("{CLUSTER_UID}/warehouse/orders")).await;
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_survives_the_death_of_the_operator() {
    let world = twins(&samples::flexible_as("twin", "orders")).await;
    world.stalled("twin", Reason::DuplicateOf).await;
    world.power.switch_off().await;
    world.kubernetes.delete("orders");
    world.power.switch_on();
    world.gone("orders").await;
    world.ready("twin").await;
    assert_eq!((owner(&world), world.wire.of(Call::Delete).len()), (tag("twin"), 0));
}

#[tokio::test(start_paused = true)]
async fn both_deleted_at_once_are_one_delete() {
    for first in ["orders", "twin"] {
        let world = twins(&samples::flexible_as("twin", "orders")).await;
        world.stalled("twin", Reason::DuplicateOf).await;
        let second = if first == "orders" { "twin" } else { "orders" };
        world.kubernetes.delete(first);
        world.kubernetes.delete(second);
        world.gone("orders").await;
        world.gone("twin").await;
        world.pass(HOUR).await;
        assert_eq!(
            (world.wire.of(Call::Delete).len(), world.azure.instances().len()),
            (1, 0),
            "{first}\n{}",
            world.wire
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_heir_that_goes_before_it_has_taken_over_leaves_the_deletion_to_the_older_one() {
    for later in [SECOND / 10, 10 * SECOND, 40 * SECOND] {
        let world = twins(&samples::flexible_as("twin", "orders")).await;
        world.stalled("twin", Reason::DuplicateOf).await;
        world.kubernetes.delete("orders");
        world.pass(later).await;
        world.kubernetes.delete("twin");
        world.gone("twin").await;
        world.gone("orders").await;
        world.pass(HOUR).await;
        assert_eq!(
            (world.wire.of(Call::Delete).len(), world.azure.instances().len()),
            (1, 0),
            "{later:?}\n{}",
            world.wire
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_only_observes_by_now_has_given_its_instance_up() {
    let world = twins(&samples::flexible_as("twin", "orders")).await;
    world.stalled("twin", Reason::DuplicateOf).await;
    world.kubernetes.edit("orders", |spec| spec.mode = Mode::Observe);
    world.ready("twin").await;
    world.pass(HOUR).await;
    assert_eq!(owner(&world), tag("twin"));
    assert_eq!(writes(&world), [Call::Validate, Call::Put, Call::Put]);
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready), "to an observer nothing differs");
}

#[tokio::test(start_paused = true)]
async fn an_elder_that_comes_to_enforce_takes_over_from_the_younger() {
    let world = World::start();
    let mut elder = samples::flexible("orders");
    elder.spec.mode = Mode::Observe;
    world.kubernetes.create(&elder);
    world.pass(5 * SECOND).await;
    world.kubernetes.create(&samples::flexible_as("twin", "orders"));
    world.ready("twin").await;
    assert_eq!(owner(&world), tag("twin"));
    world.kubernetes.edit("orders", |spec| spec.mode = Mode::Enforce);
    world.ready("orders").await;
    assert_eq!(owner(&world), tag("orders"));
    world.stalled("twin", Reason::DuplicateOf).await;
    world.pass(24 * HOUR).await;
    assert_eq!((owner(&world), writes(&world)), (tag("orders"), vec![Call::Validate, Call::Put, Call::Put]));
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));
}
