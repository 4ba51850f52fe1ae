//! Nothing to do: nothing is written, to Azure or to Kubernetes.

use std::time::Duration;

use crate::samples;
use crate::wire::Call::{GetInstance, GetVault, Validate};
use crate::wire::{Call, Fault};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

async fn fleet() -> World {
    let world = World::start();
    let names: Vec<_> = (0..20).map(|number| format!("fleet-{number:02}")).collect();
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
async fn a_day_with_twenty_healthy_objects_writes_nothing() {
    let world = fleet().await;
    let (before, reads) = (writes(&world), world.wire.of(GetInstance).len());
    world.pass(24 * HOUR).await;
    assert_eq!(writes(&world), before);
    let looks = world.wire.of(GetInstance).len() - reads;
    let expected = 20 * 24 * 6;
    assert!((expected * 9 / 10..=expected * 11 / 10).contains(&looks), "{looks} looks, not about {expected}");
    assert!(world.wire.of(GetVault).len() <= 20 + 25);
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_twenty_healthy_objects_writes_nothing() {
    let world = fleet().await;
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
    assert_eq!(world.wire.count(Call::writes_azure), 3, "{}", world.wire);
    let _ = before;
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_sees_old_objects_does_not_act_on_them() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.sent(|sent| sent.call == Validate, 1).await;
    world.kubernetes.hold_watches(true);
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.pass(HOUR / 6).await;
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
async fn an_annotation_is_a_reason_to_look_and_not_to_write() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    let (before, looks) = (writes(&world), world.wire.of(GetInstance).len());
    world.kubernetes.annotate("orders", "example.com/note", "hello");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((writes(&world), world.wire.of(GetInstance).len()), (before, looks + 1));
}
