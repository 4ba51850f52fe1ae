//! Long runs of everything that can go wrong, at random: while it happens, every request and every status is judged; after
//! it has ended, everything is as asked for or says what a person has to do, and stays so.
//!
//! `cargo test` tries [`SEEDS`] worlds. More of them: `make soak SEEDS=5000`; one of them again: `make soak SEED=17`.

mod chaos;
mod network;
mod people;
mod strangers;

use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use kube::ResourceExt;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Reason};

use chaos::{Chaos, NAMES};

use crate::judge::{Tally, instance_name, unsettled};
use crate::parallel;
use crate::wire::{Call, Sent};
use crate::world::{World, is, reason};

/// How many worlds are tried.
const SEEDS: u64 = 24;

/// How much happens in each.
const DISTURBANCES: usize = 40;

/// After so much time without a disturbance everything has settled: the deadline is half an hour, the operator may be gone
/// for ten minutes, and an operation is relied on for a quarter of an hour.
const SETTLING: Duration = Duration::from_secs(100 * 60);

/// What is stalled is tried again about every five minutes.
const MOST_ATTEMPTS: usize = 100 / 4;

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    }
}

#[test]
fn whatever_happens_the_end_is_as_asked_for_or_explained() {
    let seeds: Vec<u64> = seeds().collect();
    let mut whole = Tally::default();
    for tally in parallel::each(&seeds, async |seed: &u64| try_world(*seed).await) {
        whole.add(tally);
    }
    let (worlds, situations) = (seeds.len(), whole.situations.len());
    println!(
        "soak: {worlds} worlds of {DISTURBANCES} disturbances: {} statuses in {situations} situations, {} of them Ready",
        whole.writes, whole.ready
    );
    if seeds.len() as u64 >= SEEDS {
        assert!(whole.ready >= 120 && situations >= 150, "too little was tried: {} {situations}", whole.ready);
    }
}

/// Prints what has happened to a world if it ends in a panic.
struct Told<'a>(&'a Mutex<String>);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.0.lock().unwrap());
        }
    }
}

async fn try_world(seed: u64) -> Tally {
    let story = Mutex::new(String::new());
    let _told = Told(&story);
    let mut chaos = Chaos::begin(seed);
    let version = chaos.version;
    for _ in 0..DISTURBANCES {
        chaos.disturb().await;
        *story.lock().unwrap() = chaos.story();
    }
    chaos.end();
    *story.lock().unwrap() = chaos.story();
    let world = &chaos.world;
    world.pass(SETTLING).await;

    let objects = || NAMES.iter().filter_map(|name| world.kubernetes.get(name));
    for object in objects() {
        if let Some(fault) = unsettled(world, &object, version) {
            panic!(
                "seed {seed}: {}: {fault}\n{}\n{}",
                object.metadata.name.as_deref().unwrap(),
                serde_json::to_string_pretty(&object).unwrap(),
                world.wire
            );
        }
    }
    expect_quiet(seed, world).await;
    std::mem::take(&mut *world.tally.lock().unwrap())
}

/// Expects that nothing is written any more, except that whoever is stalled goes on asking Azure whether it would accept by
/// now, and goes on trying to repair, at the pace of the trouble and without saying anything else each time.
async fn expect_quiet(seed: u64, world: &World) {
    let objects: Vec<_> = NAMES.iter().filter_map(|name| world.kubernetes.get(name)).collect();
    let is_repaired = |object: &&PostgresBackup| reason(object) == Reason::ProtectionError.as_str();
    let repaired = objects.iter().filter(is_repaired);
    let repaired_names: Vec<_> =
        repaired.flat_map(|object| [object.name_any(), instance_name(&object.spec).unwrap()]).collect();
    let all_ready = objects.iter().all(|object| is(object, ConditionType::Ready));
    let (position, histories) = (world.wire.position(), NAMES.map(|name| world.kubernetes.history(name).len()));
    world.pass(SETTLING).await;

    let asks = |call| !all_ready && matches!(call, Call::Validate | Call::ValidateChange | Call::Sync);
    let writes = |call: Call| (call.writes_azure() && !asks(call)) || call.writes_object();
    let since = world.wire.since(position);
    let refused =
        |sent: &Sent| !all_ready && sent.call.writes_azure() && sent.answer.is_some_and(|status| status >= 400);
    let is_attempt = |sent: &Sent| refused(sent) || repaired_names.contains(&sent.about);
    let (attempts, others): (Vec<_>, Vec<_>) =
        since.into_iter().filter(|sent| writes(sent.call)).partition(|sent| is_attempt(sent));
    assert!(others.is_empty(), "seed {seed}: writes after everything had settled: {others:#?}\n{}", world.wire);
    let sent = attempts.iter().filter(|sent| sent.call.writes_azure()).count();
    assert!(sent <= objects.len() * MOST_ATTEMPTS, "seed {seed}: {sent} attempts\n{}", world.wire);
    for (name, before) in NAMES.iter().zip(histories) {
        let said: Vec<_> = world
            .kubernetes
            .history(name)
            .iter()
            .skip(before.saturating_sub(1))
            .map(|write| reason(&write.typed()))
            .collect();
        assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}: {name} flips: {said:?}\n{}", world.wire);
    }
}
