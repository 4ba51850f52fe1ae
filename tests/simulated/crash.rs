//! The operator dies before or after each of its requests, and comes back with an empty memory: everything ends as if
//! nothing had happened.

use std::time::Duration;

use azure_emulator::ProtectionState;
use kube::ResourceExt;
use postgres_backup_operator::api::PostgresBackup;
use postgres_backup_operator::api::conditions::ConditionType;
use serde_json::{Value, json};

use crate::samples;
use crate::wire::{Call, Fault, Sent};
use crate::world::{World, answers, is, status};

/// What is left at the end of a story, as far as it must not depend on crashes.
#[derive(Debug, PartialEq)]
struct End {
    /// Without times.
    object: Option<Value>,
    instances: Vec<(String, ProtectionState, Value)>,
    tombstones: usize,
}

impl End {
    fn of(world: &World) -> Self {
        let instances = world.azure.instances();
        let instance = |instance: &azure_emulator::Instance| {
            let content = json!({ "tags": instance.tags, "policy": instance.spec.policy.policy_id.to_string() });
            (instance.name().to_owned(), instance.state, content)
        };
        Self {
            object: world.kubernetes.get("orders").as_ref().map(timeless),
            instances: instances.iter().map(instance).collect(),
            tombstones: world.azure.tombstones(),
        }
    }
}

fn timeless(object: &PostgresBackup) -> Value {
    let mut status = status(object);
    status.conditions.iter_mut().for_each(|condition| condition.last_transition_time.0 = jiff::Timestamp::UNIX_EPOCH);
    json!({ "finalizers": object.finalizers(), "spec": object.spec, "status": status })
}

fn is_accepted(sent: &Sent) -> bool {
    sent.answer.is_some_and(|status| status < 300)
}

/// Runs a story without a crash, then with a crash at every request of its last part.
async fn sweep<S, F>(prepare: S, story: F)
where
    S: AsyncFn() -> World,
    F: AsyncFn(&World),
{
    let world = prepare().await;
    let first = world.wire.position();
    story(&world).await;
    let last = world.wire.position();
    let calm = End::of(&world);
    drop(world);
    let mut failures = Vec::new();
    for position in first..last {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let world = prepare().await;
            world.wire.disturb_position(position, fault.clone());
            story(&world).await;
            // Whatever is left of the operator's plans comes to light.
            world.pass(Duration::from_secs(20 * 60)).await;
            let end = End::of(&world);
            let puts = world.wire.of(Call::Put).into_iter().filter(is_accepted).count();
            if end != calm || puts > 1 + usize::from(first > 20) {
                failures.push(format!("{fault:?} at {position}: {puts} PUTs\n{end:#?}\n{}", world.wire));
            }
        }
    }
    assert!(failures.is_empty(), "expected {calm:#?}\n{}", failures.join("\n"));
}

async fn nothing() -> World {
    World::start()
}

async fn protected() -> World {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.pass(Duration::from_secs(60)).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_create_survives() {
    sweep(nothing, async |world| {
        world.kubernetes.create(&samples::flexible("orders"));
        world.ready("orders").await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_update_survives() {
    sweep(protected, async |world| {
        world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        world.until("orders", "ready again", |object| answers(object) && is(object, ConditionType::Ready)).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_survives() {
    sweep(protected, async |world| {
        world.kubernetes.delete("orders");
        world.gone("orders").await;
    })
    .await;
}
