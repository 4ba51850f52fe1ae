//! The annotations with which people hold the operator off (here), and call it (`requests`).

mod requests;

use std::time::Duration;

use postgres_backup_operator::api::annotations::{PAUSED, RECONCILE_REQUESTED_AT};
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, Reason};

use crate::azure::SERVERS;
use crate::samples;
use crate::wire::Call::{ApplyStatus, GetInstance, Put, Resume, Validate};
use crate::wire::Reply;
use crate::world::{World, answers, is, message, reason, reason_of, status};

const MINUTE: Duration = Duration::from_secs(60);

/// When an object that is not there yet counts as stalled.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

fn pause(world: &World) {
    world.kubernetes.annotate("orders", PAUSED, "true");
}

fn go_on(world: &World) {
    world.kubernetes.unannotate("orders", PAUSED);
}

fn request(world: &World, value: &str) {
    world.kubernetes.annotate("orders", RECONCILE_REQUESTED_AT, value);
}

fn object(world: &World) -> PostgresBackup {
    world.kubernetes.get("orders").unwrap()
}

async fn paused(world: &World) -> PostgresBackup {
    world.until("orders", "paused", |object| is(object, ConditionType::Paused)).await
}

async fn handled(world: &World, value: &str) -> PostgresBackup {
    let is_handled = |object: &PostgresBackup| status(object).last_handled_reconcile_at.as_deref() == Some(value);
    world.until("orders", "handled", is_handled).await
}

fn azure_requests(world: &World, position: usize) -> usize {
    world.wire.since(position).iter().filter(|sent| sent.call.is_azure()).count()
}

fn status_writes(world: &World, position: usize) -> usize {
    world.wire.since(position).iter().filter(|sent| sent.call == ApplyStatus).count()
}

#[tokio::test(start_paused = true)]
async fn a_paused_object_is_not_even_looked_at_and_keeps_what_it_says() {
    let world = World::protected().await;
    let before = status(&object(&world));
    let position = world.wire.position();
    pause(&world);
    let held = paused(&world).await;
    world.azure.act("stopProtection");
    world.pass(3 * 60 * MINUTE).await;
    assert_eq!(azure_requests(&world, position), 0, "{}", world.wire);
    assert_eq!(status_writes(&world, position), 1);
    assert!(is(&held, ConditionType::Ready));
    let mut after = status(&held);
    after.conditions.retain(|condition| condition.type_ != "Paused");
    assert_eq!(after, before);

    go_on(&world);
    world.reconciling("orders", Reason::Resuming).await;
    let object = world.ready("orders").await;
    assert!(!is(&object, ConditionType::Paused));
    assert_eq!(world.wire.asked_since(position), [Resume]);
}

#[tokio::test(start_paused = true)]
async fn what_is_edited_while_paused_is_not_claimed_to_be_seen() {
    let world = World::protected().await;
    pause(&world);
    paused(&world).await;
    let position = world.wire.position();
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.pass(60 * MINUTE).await;
    let held = object(&world);
    assert!(!answers(&held) && status(&held).observed_generation == 1, "{:?}", status(&held));
    assert_eq!(azure_requests(&world, position), 0);

    go_on(&world);
    world.ready("orders").await;
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_together_with_a_pause_is_not_claimed_to_be_seen() {
    let world = World::protected().await;
    world.power.switch_off().await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    pause(&world);
    let position = world.wire.position();
    world.power.switch_on();
    let held = paused(&world).await;
    assert_eq!(status(&held).observed_generation, 1);
    assert!(is(&held, ConditionType::Ready) && !answers(&held));
    world.pass(60 * MINUTE).await;
    assert_eq!((azure_requests(&world, position), status_writes(&world, position)), (0, 1), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_new_object_can_be_paused_from_the_beginning() {
    let world = World::start();
    world.kubernetes.create(&paused_from_the_beginning());
    let object = paused(&world).await;
    assert_eq!((reason(&object).as_str(), status(&object).observed_generation), ("Paused", -1));
    assert!(!is(&object, ConditionType::Ready) && !is(&object, ConditionType::Reconciling));
    world.pass(60 * MINUTE).await;
    assert_eq!(azure_requests(&world, 0), 0);
    assert_eq!(status_writes(&world, 0), 1);

    go_on(&world);
    world.ready("orders").await;
    assert_eq!(world.wire.asked_since(0), [Validate, Put]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_never_was_more_than_paused_can_be_deleted() {
    let world = World::start();
    world.kubernetes.create(&paused_from_the_beginning());
    paused(&world).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(azure_requests(&world, 0), 0);
}

fn paused_from_the_beginning() -> PostgresBackup {
    let mut object = samples::flexible("orders");
    object.metadata.annotations = Some([(PAUSED.to_owned(), "true".to_owned())].into());
    object
}

#[tokio::test(start_paused = true)]
async fn a_paused_deletion_waits_and_says_so() {
    let world = World::protected().await;
    pause(&world);
    paused(&world).await;
    let position = world.wire.position();
    world.kubernetes.delete("orders");
    let waits = |object: &PostgresBackup| reason_of(object, ConditionType::Deleting) == Reason::Paused.as_str();
    let object = world.until("orders", "waiting", waits).await;
    assert!(!is(&object, ConditionType::Ready));
    assert!(message(&object).contains("The deletion waits") && message(&object).contains(PAUSED));
    world.pass(60 * MINUTE).await;
    assert_eq!(azure_requests(&world, position), 0);
    assert_eq!(world.azure.instances().len(), 1);

    go_on(&world);
    world.gone("orders").await;
    assert_eq!(world.azure.instances().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_paused_object_that_is_to_let_go_goes() {
    let world = World::protected().await;
    pause(&world);
    paused(&world).await;
    let position = world.wire.position();
    world.kubernetes.delete("orders");
    world.pass(10 * MINUTE).await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.gone("orders").await;
    assert_eq!(azure_requests(&world, position), 0);
    assert_eq!(world.azure.instances().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_azure_is_at_goes_on_while_paused_and_is_found_afterwards() {
    for held_for in [Duration::from_secs(30), 60 * MINUTE] {
        let world = World::creating();
        world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
        pause(&world);
        paused(&world).await;
        let position = world.wire.position();
        world.pass(held_for).await;
        assert_eq!(azure_requests(&world, position), 0);
        go_on(&world);
        world.ready("orders").await;
        assert_eq!(world.wire.of(Put).len(), 1, "{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_starts_over_after_a_pause() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::MissingPermissions).await;
    expect_a_new_deadline(&world).await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_starts_over_after_a_pause_in_which_azure_was_down() {
    let world = World::creating();
    world.wire.disturb_all(GetInstance, Reply::error(503, "ServerBusy"));
    world.reconciling("orders", Reason::AzureUnavailable).await;
    expect_a_new_deadline(&world).await;
}

async fn expect_a_new_deadline(world: &World) {
    pause(world);
    paused(world).await;
    world.pass(2 * DEADLINE).await;
    go_on(world);
    world.pass(DEADLINE / 2).await;
    let object = object(world);
    assert!(is(&object, ConditionType::Reconciling), "{:#?}\n{}", status(&object).conditions, world.wire);
    world.pass(DEADLINE).await;
    assert!(is(&self::object(world), ConditionType::Stalled), "{}", world.wire);
}
