//! Five hundred objects at once, while one answer in twenty is faulty.

use std::time::Duration;

use fastrand::Rng;
use postgres_backup_operator::api::conditions::ConditionType;

use crate::samples;
use crate::scenario::Cost;
use crate::wire::{Call, Fault, Reply, Weather};
use crate::world::{World, answers, is};

const OBJECTS: usize = 500;

/// The share of all answers, of Azure and of Kubernetes, that are faulty.
const FAULTY: f64 = 0.05;

/// So long after the first object was made the last one must be Ready: Azure takes a minute and a half, and whatever may
/// still have its effect is waited for for five minutes.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

fn fault(random: &mut Rng, call: Call) -> Option<Fault> {
    let error = |status, code| Fault::from(Reply::error(status, code));
    Some(match random.usize(..9) {
        0 => Fault::Refuse,
        1 => Fault::LoseRequest,
        2 => Fault::LoseAnswer,
        3 => Fault::ArriveLate(Duration::from_secs(random.u64(1..200))),
        4 => Fault::Delay(Duration::from_secs(random.u64(1..100))),
        5 => error(500, "InternalServerError"),
        6 => error(503, "ServiceUnavailable"),
        7 if call.is_azure() => Reply::error(429, "TooManyRequests").retry_after(random.u64(1..10)).into(),
        7 => error(409, "Conflict"),
        _ => error(504, "GatewayTimeout"),
    })
}

#[tokio::test(start_paused = true)]
async fn five_hundred_objects_get_ready_while_one_answer_in_twenty_is_faulty() {
    let world = World::start();
    world.azure.add_servers((100..OBJECTS).map(|number| format!("fleet-{number}")));
    let names: Vec<_> = (0..OBJECTS).map(|number| format!("fleet-{number:02}")).collect();
    world.pass(Duration::from_secs(10)).await;
    world.wire.disturb_some(Weather { random: Rng::with_seed(4711), share: FAULTY, choose: fault });
    let first = world.wire.position();
    names.iter().for_each(|name| world.kubernetes.create(&samples::flexible(name)));
    let begun = world.elapsed();
    loop {
        let objects = world.kubernetes.all();
        let ready = objects.iter().filter(|object| answers(object) && is(object, ConditionType::Ready)).count();
        if ready == OBJECTS {
            break;
        }
        assert!(world.elapsed() < begun + PATIENCE, "only {ready} are ready");
        world.pass(Duration::from_secs(15)).await;
    }
    let took = world.elapsed() - begun;
    let faulty = world.wire.count_sent(|sent| sent.fault.is_some());
    let cost = Cost::since(&world, first);
    println!(
        "{OBJECTS} objects Ready after {} s, {faulty} of {} answers faulty; beyond one each: {} PUTs, {} validations, {} writes to objects beyond 4 each",
        took.as_secs(),
        world.wire.position() - first,
        cost.changes - OBJECTS,
        cost.questions - OBJECTS,
        cost.writes - 4 * OBJECTS,
    );
    assert_eq!(world.azure.instances().len(), OBJECTS);
    assert_eq!(cost.accepted, OBJECTS, "Azure accepts one PUT for each");
    assert!(cost.changes <= OBJECTS * 110 / 100, "{cost:?}");
    assert!(cost.questions <= OBJECTS * 125 / 100, "{cost:?}");
    assert!(cost.writes <= OBJECTS * 7, "{cost:?}");
    assert_eq!(world.wire.of(Call::Delete).len(), 0);
}
