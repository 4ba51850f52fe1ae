//! A request for a reconcile: a look at once, and a fresh start for what is stalled.

use std::time::Duration;

use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{Protection, Reason};

use super::{DEADLINE, MINUTE, azure_requests, go_on, handled, object, pause, paused, request, status_writes};
use crate::azure::SERVERS;
use crate::samples;
use crate::wire::Call::{GetInstance, Put, Validate};
use crate::wire::{Call, Reply};
use crate::world::{World, is, reason, status};

#[tokio::test(start_paused = true)]
async fn a_request_is_a_look_at_once_and_one_write() {
    let world = World::protected().await;
    for value in ["2026-11-02T09:00:00Z", "again"] {
        let (position, asked_at) = (world.wire.position(), world.elapsed());
        request(&world, value);
        handled(&world, value).await;
        assert!(world.elapsed() - asked_at < Duration::from_secs(2));
        let looks = world.wire.since(position).iter().filter(|sent| sent.call == GetInstance).count();
        assert_eq!((looks, status_writes(&world, position)), (1, 1), "{}", world.wire);
        assert!(is(&object(&world), ConditionType::Ready));
        world.pass(5 * MINUTE).await;
        assert_eq!(status_writes(&world, position), 1);
    }
    // The same value once more is no request.
    let position = world.wire.position();
    request(&world, "again");
    world.pass(MINUTE).await;
    assert_eq!((azure_requests(&world, position), status_writes(&world, position)), (0, 0), "{}", world.wire);
    assert_eq!(world.wire.of(Put).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_finds_what_differs_at_once() {
    let world = World::protected().await;
    world.azure.act("stopProtection");
    world.pass(MINUTE).await;
    request(&world, "now");
    let asked_at = world.elapsed();
    world.reconciling("orders", Reason::Resuming).await;
    assert!(world.elapsed() - asked_at < Duration::from_secs(2));
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_also_when_azure_is_down() {
    let world = World::protected().await;
    world.wire.disturb_all(GetInstance, Reply::error(503, "ServerBusy"));
    let position = world.wire.position();
    request(&world, "now");
    let asked_at = world.elapsed();
    handled(&world, "now").await;
    assert!(world.elapsed() - asked_at < Duration::from_secs(5), "{}", world.wire);
    world.pass(5 * MINUTE).await;
    assert_eq!(status_writes(&world, position), 1, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_a_stalled_object_is_tried_and_its_deadline_starts_over() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    expect_request_to_start_over(&world, Reason::MissingPermissions, Validate).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_has_a_broken_protection_repaired_and_its_deadline_starts_over() {
    let world = World::protected().await;
    world.azure.revoke(SERVERS);
    expect_request_to_start_over(&world, Reason::ProtectionError, Call::Sync).await;
}

async fn expect_request_to_start_over(world: &World, reason: Reason, attempt: Call) {
    world.stalled("orders", reason).await;
    world.pass(DEADLINE).await;
    let tried = world.wire.of(attempt).len();
    request(world, "now");
    handled(world, "now").await;
    world.sent(|sent| sent.call == attempt, tried + 1).await;
    world.pass(DEADLINE / 2).await;
    let object = object(world);
    assert!(is(&object, ConditionType::Reconciling), "{reason} {:#?}\n{}", status(&object).conditions, world.wire);
    world.stalled("orders", reason).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_while_azure_is_down_for_long_is_tried_several_times_soon() {
    let world = World::creating();
    world.wire.disturb_all(GetInstance, Reply::error(503, "ServerBusy"));
    world.stalled("orders", Reason::AzureUnavailable).await;
    world.pass(DEADLINE).await;
    let position = world.wire.position();
    request(&world, "now");
    handled(&world, "now").await;
    world.pass(Duration::from_secs(20)).await;
    let looks = world.wire.since(position).iter().filter(|sent| sent.call == GetInstance).count();
    assert!(looks >= 4, "{looks} looks\n{}", world.wire);
    assert_eq!(status_writes(&world, position), 1);
}

#[tokio::test(start_paused = true)]
async fn what_heals_after_its_deadline_has_time_for_the_rest() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::MissingPermissions).await;
    world.azure.grant(SERVERS);
    world.reconciling("orders", Reason::Creating).await;
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_and_a_pause_together_wait_for_the_pause() {
    let world = World::protected().await;
    pause(&world);
    paused(&world).await;
    let position = world.wire.position();
    request(&world, "now");
    world.kubernetes.edit("orders", |spec| spec.protection = Protection::Stopped);
    world.pass(30 * MINUTE).await;
    assert_eq!(azure_requests(&world, position), 0);
    assert_eq!(status(&object(&world)).last_handled_reconcile_at, None, "nothing has handled it");
    go_on(&world);
    handled(&world, "now").await;
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::Stopped.as_str());
}
