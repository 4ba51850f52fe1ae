//! Every single fault at every single request: however a create, a change, a delete, a stop, a resumption or an undelete is
//! disturbed, it ends as if nothing
//! had happened, and nothing is sent twice that was accepted the first time.

use std::time::Duration;

use azure_emulator::{Instance, ProtectionState};
use jiff::Timestamp;
use kube::ResourceExt;
use postgres_backup_operator::api::{PostgresBackup, Protection};
use serde_json::{Value, json};

use crate::samples;
use crate::wire::{Call, Fault, Reply, Sent};
use crate::world::{Setup, World, status};

const MINUTE: Duration = Duration::from_secs(60);

/// What is left at the end of a story, without times and ids that no two runs have in common.
#[derive(Debug, PartialEq)]
struct End {
    object: Option<Value>,
    instances: Vec<(String, ProtectionState, Value)>,
    tombstones: usize,
    accepted: [usize; CHANGES.len()],
}

/// What must not be done twice.
const CHANGES: [Call; 5] = [Call::Put, Call::Delete, Call::Stop, Call::Resume, Call::Undelete];

impl End {
    fn of(world: &World) -> Self {
        let instance = |instance: &Instance| {
            let content = json!({ "tags": instance.tags, "policy": instance.spec.policy.policy_id.to_string() });
            (instance.name().to_owned(), instance.state, content)
        };
        // An undelete is over with its answer; to whatever else 200 says that there was nothing to do.
        let accepted = |sent: &&Sent| match sent.answer {
            Some(200) => sent.call == Call::Undelete,
            status => matches!(status, Some(201 | 202)),
        };
        Self {
            object: world.kubernetes.get("orders").as_ref().map(timeless),
            instances: world.azure.instances().iter().map(instance).collect(),
            tombstones: world.azure.tombstones(),
            accepted: CHANGES.map(|call| world.wire.of(call).iter().filter(accepted).count()),
        }
    }
}

fn timeless(object: &PostgresBackup) -> Value {
    let mut status = status(object);
    status.conditions.iter_mut().for_each(|condition| condition.last_transition_time.0 = Timestamp::UNIX_EPOCH);
    json!({ "finalizers": object.finalizers(), "spec": object.spec, "status": status })
}

/// What the operator wants done.
#[derive(Clone, Copy, Debug)]
enum Story {
    Create,
    Change,
    Delete,
    Stop,
    Resume,
    Undelete,
}

impl Story {
    const ALL: [Self; 6] = [Self::Create, Self::Change, Self::Delete, Self::Stop, Self::Resume, Self::Undelete];

    /// A world in which the story can begin.
    async fn prepare(self, setup: Setup) -> World {
        let world = World::with(setup);
        if !matches!(self, Self::Create) {
            world.kubernetes.create(&samples::flexible("orders"));
            world.ready("orders").await;
        }
        match self {
            Self::Resume => Self::wish(&world, Protection::Stopped).await,
            Self::Undelete => Self::delete(&world).await,
            Self::Create | Self::Change | Self::Delete | Self::Stop => {}
        }
        world.pass(MINUTE).await;
        world
    }

    async fn run(self, world: &World) {
        match self {
            Self::Create | Self::Undelete => {
                world.kubernetes.create(&samples::flexible("orders"));
                world.ready("orders").await;
            }
            Self::Change => {
                world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
                world.ready("orders").await;
            }
            Self::Delete => Self::delete(world).await,
            Self::Stop => Self::wish(world, Protection::Stopped).await,
            Self::Resume => Self::wish(world, Protection::Active).await,
        }
        // Whatever the operator still has in mind comes to light.
        world.pass(20 * MINUTE).await;
    }

    async fn wish(world: &World, protection: Protection) {
        world.kubernetes.edit("orders", |spec| spec.protection = protection);
        world.ready("orders").await;
    }

    async fn delete(world: &World) {
        world.kubernetes.delete("orders");
        world.gone("orders").await;
    }
}

/// Runs a story undisturbed, and then with each of the disturbances at each of its requests. A disturbance is a fault, and
/// how many requests later another one follows.
async fn sweep_pairs(story: Story, setup: Setup, disturbances: &[(Fault, Option<usize>)]) {
    let world = story.prepare(setup.clone()).await;
    let first = world.wire.position();
    story.run(&world).await;
    let last = world.wire.sent().iter().rposition(|sent| sent.call.writes_object()).unwrap();
    let calm = End::of(&world);
    drop(world);
    for position in first..=last {
        for (fault, again) in disturbances {
            let world = story.prepare(setup.clone()).await;
            world.wire.disturb_position(position, fault.clone());
            again.iter().for_each(|later| world.wire.disturb_position(position + later, fault.clone()));
            story.run(&world).await;
            let what = format!("{story:?} after {fault:?} at request {position} and {again:?} later");
            assert_eq!(End::of(&world), calm, "{what}\n{}", world.wire);
        }
    }
}

/// The same with single faults.
async fn sweep(story: Story, setup: Setup, faults: &[Fault]) {
    let disturbances: Vec<_> = faults.iter().map(|fault| (fault.clone(), None)).collect();
    sweep_pairs(story, setup, &disturbances).await;
}

fn crashes() -> [Fault; 2] {
    [Fault::CrashBefore, Fault::CrashAfter]
}

#[tokio::test(start_paused = true)]
async fn a_create_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Create, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Change, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Delete, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Stop, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn a_resumption_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Resume, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn an_undelete_survives_the_death_of_the_operator_at_every_request() {
    sweep(Story::Undelete, Setup::default(), &crashes()).await;
}

#[tokio::test(start_paused = true)]
async fn everything_survives_an_operator_that_is_gone_for_long() {
    let setup = Setup { downtime: 17 * MINUTE, ..Setup::default() };
    for story in Story::ALL {
        sweep(story, setup.clone(), &crashes()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everything_survives_an_operator_that_dies_again_soon_after() {
    for story in [Story::Create, Story::Change, Story::Delete] {
        sweep_pairs(story, Setup::default(), &dying_twice()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn stops_and_returns_survive_an_operator_that_dies_again_soon_after() {
    for story in [Story::Stop, Story::Resume, Story::Undelete] {
        sweep_pairs(story, Setup::default(), &dying_twice()).await;
    }
}

/// The first three requests of a new process are those of starting up.
fn dying_twice() -> Vec<(Fault, Option<usize>)> {
    (4..=8).step_by(2).map(|later| (Fault::CrashAfter, Some(later))).collect()
}

/// What can befall a single request besides the death of the operator.
fn disturbances() -> [Fault; 6] {
    [
        Fault::Refuse,
        Fault::LoseRequest,
        Fault::LoseAnswer,
        Fault::Delay(Duration::from_secs(100)),
        Reply::error(500, "InternalServerError").into(),
        Reply::error(429, "TooManyRequests").retry_after(20).into(),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_create_survives_every_disturbance_of_every_request() {
    sweep(Story::Create, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_survives_every_disturbance_of_every_request() {
    sweep(Story::Change, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_survives_every_disturbance_of_every_request() {
    sweep(Story::Delete, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_survives_every_disturbance_of_every_request() {
    sweep(Story::Stop, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn a_resumption_survives_every_disturbance_of_every_request() {
    sweep(Story::Resume, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn an_undelete_survives_every_disturbance_of_every_request() {
    sweep(Story::Undelete, Setup::default(), &disturbances()).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_while_the_operator_is_gone_leaves_nothing() {
    let setup = Setup { downtime: MINUTE, ..Setup::default() };
    let world = Story::Create.prepare(setup.clone()).await;
    let first = world.wire.position();
    Story::Create.run(&world).await;
    let last = world.wire.sent().iter().rposition(|sent| sent.call.writes_object()).unwrap();
    drop(world);
    for position in first..=last {
        for fault in crashes() {
            let world = Story::Create.prepare(setup.clone()).await;
            world.wire.disturb_position(position, fault.clone());
            world.kubernetes.create(&samples::flexible("orders"));
            world.sent(|sent| sent.is_last_word(), 1).await;
            world.pass(Duration::from_secs(1)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            assert_eq!(world.azure.instances().len(), 0, "{fault:?} at request {position}\n{}", world.wire);
        }
    }
}
