//! Nothing to do: nothing is written, to Azure or to Kubernetes.
//!
//! `QUIET_OBJECTS=20 cargo test --test simulated quiet` is quicker.

use std::time::Duration;

use crate::api_server::NAMESPACE;
use crate::samples;
use crate::wire::Call::{GetInstance, GetVault, Validate};
use crate::wire::{Call, Fault};
use crate::world::{Setup, World};

const HOUR: Duration = Duration::from_secs(3600);

async fn fleet(size: usize) -> World {
    let world = World::start();
    let names: Vec<_> = (0..size).map(|number| format!("fleet-{number:02}")).collect();
    names.iter().for_each(|name| world.kubernetes.create(&samples::flexible(name)));
    for name in &names {
        world.ready(name).await;
    }
    world.pass(Duration::from_secs(60)).await;
    world
}

fn writes(world: &World) -> usize {
    world.wire.count(|call| call.writes_azure() || call.writes_object())
}

#[tokio::test(start_paused = true)]
async fn a_day_with_many_healthy_objects_writes_nothing() {
    let size = std::env::var("QUIET_OBJECTS").map_or(100, |size| size.parse().expect("a number up to 100"));
    let world = fleet(size).await;
    let (before, reads) = (writes(&world), world.wire.of(GetInstance).len());
    world.pass(24 * HOUR).await;
    assert_eq!(writes(&world), before);
    let looks = world.wire.of(GetInstance).len() - reads;
    let expected = size * 24 * 6;
    assert!((expected * 9 / 10..=expected * 11 / 10).contains(&looks), "{looks} looks, not about {expected}");
    assert!(world.wire.of(GetVault).len() <= size + 25);
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_twenty_healthy_objects_writes_nothing() {
    let world = fleet(20).await;
    let before = writes(&world);
    for _ in 0..3 {
        world.wire.disturb(GetInstance, 1, Fault::CrashBefore);
        world.pass(HOUR).await;
    }
    assert_eq!(writes(&world), before);
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_told_twice_or_late_write_nothing() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    world.pass(Duration::from_secs(60)).await;
    let before = writes(&world);
    for _ in 0..3 {
        world.kubernetes.repeat_changes("orders");
        world.pass(HOUR).await;
    }
    let stored =
        world.wire.sent().into_iter().skip(1).filter(|sent| sent.call.writes_object() && sent.answer == Some(200));
    assert_eq!(stored.count(), world.kubernetes.history("orders").len() - 2, "{}", world.wire);
    let changes = |call: Call| call.writes_azure() && call != Call::ValidateChange;
    assert_eq!(world.wire.count(changes), 3, "{}", world.wire);
    let _ = before;
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_sees_old_objects_does_not_act_on_them() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.sent(|sent| sent.call == Validate, 1).await;
    world.kubernetes.hold_watches(true);
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.pass(HOUR / 20).await;
    assert_eq!(world.azure.instances().len(), 0, "{}", world.wire);
    world.kubernetes.hold_watches(false);
    world.ready("orders").await;
    assert_eq!(world.wire.of(Call::Put).len(), 1);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_are_taken_up_again() {
    let world = World::start();
    world.pass(HOUR).await;
    world.kubernetes.end_watches();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    assert_eq!(world.wire.of(Call::List).len(), 1, "a watch that ends goes on from where it was");
}

#[tokio::test(start_paused = true)]
async fn an_annotation_of_somebody_else_is_no_reason_to_look() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    let (before, looks) = (writes(&world), world.wire.of(GetInstance).len());
    world.kubernetes.annotate("orders", "example.com/note", "hello");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((writes(&world), world.wire.of(GetInstance).len()), (before, looks));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_down_is_not_stormed() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.wire.disturb_all(Call::List, Fault::Refuse);
    world.wire.disturb_all(Call::Watch, Fault::Refuse);
    let before = world.wire.position();
    world.kubernetes.end_watches();
    world.pass(HOUR).await;
    let tries = world.wire.since(before).iter().filter(|sent| matches!(sent.call, Call::List | Call::Watch)).count();
    assert!((60..400).contains(&tries), "{tries} tries in an hour");
    world.wire.calm();
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_does_not_hold_up_the_others() {
    let world = World::start();
    let mut odd = serde_json::to_value(samples::flexible("odd")).unwrap();
    odd["spec"]["deletionPolicy"] = serde_json::json!("SomethingNew");
    world.kubernetes.create_raw(odd);
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    assert_eq!(world.kubernetes.history("odd").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_of_one_namespace_leaves_the_others_alone() {
    let world = World::with(Setup { namespace: Some(NAMESPACE), ..Setup::default() });
    let mut foreign = samples::flexible("billing");
    foreign.metadata.namespace = Some("elsewhere".to_owned());
    world.kubernetes.create(&foreign);
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.pass(HOUR).await;
    assert_eq!(world.azure.instances().len(), 1);
    assert_eq!(world.kubernetes.history("billing").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_asked_to_stop_finishes_what_it_is_at() {
    let world = World::creating();
    world.wire.disturb(Call::Put, 1, Fault::Delay(Duration::from_secs(20)));
    world.sent(|sent| sent.call == Call::Put && sent.answer.is_some(), 1).await;
    let asked_at = world.elapsed();
    world.power.switch_off().await;
    assert!(world.elapsed() - asked_at >= Duration::from_secs(19), "it did not wait for the answer");
    let sent = world.wire.position();
    world.pass(HOUR).await;
    assert_eq!(world.wire.position(), sent, "it is not off");

    world.power.switch_on();
    world.ready("orders").await;
    assert_eq!(world.wire.of(Call::Put).len(), 1);
}
