//! `spec.protection`: backups run, are suspended or are stopped as asked, whoever has changed that and in whatever state
//! the backup instance is found.

mod actions;
mod states;

use std::time::Duration;

use azure_emulator::{ProtectionState, PutOnStopped, StopWhilePaused};
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Protection, Reason};
use postgres_backup_operator::azure::ApiVersion;

use crate::samples;
use crate::wire::Call;
use crate::wire::Call::{Put, Resume, Stop, Suspend, Validate, ValidateChange};
use crate::world::{Setup, World, is, message, reason, reason_of, status};

const MINUTE: Duration = Duration::from_secs(60);

const WISHES: [Protection; 3] = [Protection::Active, Protection::Suspended, Protection::Stopped];

fn wish(world: &World, protection: Protection) {
    world.kubernetes.edit("orders", |spec| spec.protection = protection);
}

fn with_wish(mut object: PostgresBackup, protection: Protection) -> PostgresBackup {
    object.spec.protection = protection;
    object
}

/// The state that a wish leads to, and the reason that Ready then has.
fn goal(protection: Protection) -> (ProtectionState, Reason) {
    match protection {
        Protection::Active => (ProtectionState::ProtectionConfigured, Reason::Protected),
        Protection::Suspended => (ProtectionState::BackupsSuspended, Reason::Suspended),
        Protection::Stopped => (ProtectionState::ProtectionStopped, Reason::Stopped),
    }
}

/// How a wish is brought about once backups run.
fn action(protection: Protection) -> Option<Call> {
    match protection {
        Protection::Active => None,
        Protection::Suspended => Some(Suspend),
        Protection::Stopped => Some(Stop),
    }
}

/// The actions from one wish to another: between stopped and suspended the way leads through active.
fn way(from: Protection, to: Protection) -> Vec<Call> {
    let resume = (from != Protection::Active && from != to).then_some(Resume);
    resume.into_iter().chain(action(to).filter(|_| from != to)).collect()
}

/// Expects that the object is where it should be, says so, and that nothing is left to do.
async fn expect_at(world: &World, wanted: Protection) {
    let (state, reason_at_goal) = goal(wanted);
    let object = world.ready("orders").await;
    assert_eq!(world.azure.instance().state, state, "{}", world.wire);
    assert_eq!(reason(&object), reason_at_goal.as_str());
    assert_eq!(is(&object, ConditionType::Protected), wanted == Protection::Active);
    if wanted != Protection::Active {
        assert_eq!(reason_of(&object, ConditionType::Protected), Reason::ProtectionStopped.as_str());
    }
    assert_eq!(status(&object).drift, []);
    let position = world.wire.position();
    world.pass(60 * MINUTE).await;
    let since = world.wire.since(position);
    assert!(since.iter().all(|sent| !sent.call.writes_azure() && !sent.call.writes_object()), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn every_wish_can_follow_every_other() {
    for sample in samples::both_kinds() {
        for from in WISHES {
            for to in WISHES {
                let world = World::settled(&with_wish(sample.clone(), from), Setup::default()).await;
                let position = world.wire.position();
                wish(&world, to);
                expect_at(&world, to).await;
                assert_eq!(world.wire.asked_since(position), way(from, to), "{from} to {to}\n{}", world.wire);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_object_can_ask_for_backups_that_do_not_run() {
    for sample in samples::both_kinds() {
        for wanted in [Protection::Suspended, Protection::Stopped] {
            let world = World::start();
            world.kubernetes.create(&with_wish(sample.clone(), wanted));
            expect_at(&world, wanted).await;
            let expected: Vec<_> = [Validate, Put].into_iter().chain(action(wanted)).collect();
            assert_eq!(world.wire.asked_since(0), expected, "{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_object_is_not_ready_while_azure_is_at_it() {
    for (wanted, doing) in [(Protection::Stopped, Reason::Stopping), (Protection::Suspended, Reason::Suspending)] {
        let world = World::protected().await;
        wish(&world, wanted);
        let object = world.reconciling("orders", doing).await;
        assert!(!is(&object, ConditionType::Ready) && !is(&object, ConditionType::Protected));
        world.ready("orders").await;

        wish(&world, Protection::Active);
        let object = world.reconciling("orders", Reason::Resuming).await;
        assert!(!is(&object, ConditionType::Ready) && !is(&object, ConditionType::Protected));
        expect_at(&world, Protection::Active).await;
    }
}

#[tokio::test(start_paused = true)]
async fn backups_that_somebody_stops_are_resumed() {
    for sample in samples::both_kinds() {
        for (action, shown) in [("stopProtection", "ProtectionStopped"), ("suspendBackups", "BackupsSuspended")] {
            let world = World::settled(&sample, Setup::default()).await;
            let position = world.wire.position();
            world.azure.act(action);
            let object = world.reconciling("orders", Reason::Resuming).await;
            let drift = &status(&object).drift[0];
            let told = (drift.field.as_str(), drift.desired.as_str(), drift.actual.as_str());
            assert_eq!(told, ("protection", "Active", shown));

            expect_at(&world, Protection::Active).await;
            assert_eq!(world.wire.asked_since(position), [Resume]);
            let notes = world.kubernetes.told(Reason::DriftCorrected);
            assert!(notes.len() == 1 && notes[0].contains(&format!("protection from {shown} to Active")), "{notes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn backups_that_somebody_resumes_are_stopped_again() {
    for wanted in [Protection::Suspended, Protection::Stopped] {
        let world = World::settled(&with_wish(samples::flexible("orders"), wanted), Setup::default()).await;
        let position = world.wire.position();
        world.azure.act("resumeProtection");
        let is_seen = |object: &PostgresBackup| !status(object).drift.is_empty();
        let object = world.until("orders", "seen to differ", is_seen).await;
        assert_eq!(status(&object).drift[0].actual, "ProtectionConfigured");
        expect_at(&world, wanted).await;
        assert_eq!(world.wire.asked_since(position), Vec::from_iter(action(wanted)));
        assert_eq!(world.kubernetes.told(Reason::DriftCorrected).len(), 1);
    }
}

/// How Azure may behave where nobody has seen it.
fn behaviours() -> impl Iterator<Item = (PutOnStopped, StopWhilePaused)> {
    let puts = [PutOnStopped::KeepsState, PutOnStopped::Configures, PutOnStopped::Refused];
    puts.into_iter().flat_map(|put| [StopWhilePaused::Accepted, StopWhilePaused::Refused].map(|stop| (put, stop)))
}

#[tokio::test(start_paused = true)]
async fn another_policy_comes_after_the_resumption_however_azure_behaves() {
    for (put_on_stopped, stop_while_paused) in behaviours() {
        let world =
            World::settled(&with_wish(samples::flexible("orders"), Protection::Stopped), Setup::default()).await;
        world.azure.change(|azure| {
            azure.settings.put_on_stopped = put_on_stopped;
            azure.settings.stop_while_paused = stop_while_paused;
        });
        let position = world.wire.position();
        world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        let object = world.ready("orders").await;
        assert_eq!(status(&object).drift[0].field, "policy.name");
        assert!(!is(&object, ConditionType::Synced));
        world.pass(30 * MINUTE).await;
        assert_eq!(world.wire.asked_since(position), [], "it has no effect while backups are stopped");

        wish(&world, Protection::Active);
        expect_at(&world, Protection::Active).await;
        assert_eq!(world.wire.asked_since(position), [Resume, ValidateChange, Put], "{}", world.wire);
        assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));

        wish(&world, Protection::Suspended);
        world.ready("orders").await;
        wish(&world, Protection::Stopped);
        expect_at(&world, Protection::Stopped).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_protected_elsewhere_by_now_is_not_resumed() {
    let world = World::settled(&with_wish(samples::flexible("orders"), Protection::Stopped), Setup::default()).await;
    world.azure.protect_by_hand("by-hand", "orders");
    wish(&world, Protection::Active);
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert_eq!(status(&object).issues[0].code, "UserErrorDppDatasourceAlreadyHasBackupInstance");
    assert!(message(&object).contains("spec.backupInstanceName: by-hand"), "{}", message(&object));
    let (writes, asked) = (world.kubernetes.history("orders").len(), world.wire.of(Resume).len());
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "retries write nothing\n{}", world.wire);
    assert!((1..=7).contains(&(world.wire.of(Resume).len() - asked)));

    world.azure.remove_by_hand("by-hand");
    expect_at(&world, Protection::Active).await;
}

#[tokio::test(start_paused = true)]
async fn an_old_api_version_says_that_it_cannot_stop_backups() {
    for wanted in [Protection::Suspended, Protection::Stopped] {
        let setup = Setup { api_version: ApiVersion::V2021_07_01, ..Setup::default() };
        let world = World::with(setup);
        world.kubernetes.create(&with_wish(samples::single("orders"), wanted));
        let object = world.stalled("orders", Reason::NotSupported).await;
        assert!(message(&object).contains("2022-01-01"), "{}", message(&object));
        let writes = world.kubernetes.history("orders").len();
        world.pass(60 * MINUTE).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes);
        assert_eq!(world.wire.asked_since(0), [Validate, Put]);

        wish(&world, Protection::Active);
        expect_at(&world, Protection::Active).await;
        world.azure.act("stopProtection");
        world.stalled("orders", Reason::NotSupported).await;
        assert_eq!(world.wire.asked_since(0), [Validate, Put]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_is_taken_back_while_azure_is_at_it_is_undone() {
    for (wanted, doing) in [(Protection::Stopped, Stop), (Protection::Suspended, Suspend)] {
        for later in [0, 20, 70, 2_000, 20_000] {
            let world = World::protected().await;
            let position = world.wire.position();
            wish(&world, wanted);
            world.sent(|sent| sent.call == doing, 1).await;
            world.pass(Duration::from_millis(later)).await;
            wish(&world, Protection::Active);
            expect_at(&world, Protection::Active).await;
            assert_eq!(world.wire.asked_since(position), [doing, Resume], "{later}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_is_taken_back_before_it_is_sent_leaves_nothing() {
    let world = World::protected().await;
    let position = world.wire.position();
    wish(&world, Protection::Stopped);
    wish(&world, Protection::Active);
    expect_at(&world, Protection::Active).await;
    assert_eq!(world.wire.asked_since(position), []);
}

#[tokio::test(start_paused = true)]
async fn backups_are_stopped_also_when_azure_refuses_another_change() {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| {
        spec.policy.name = "hourly".to_owned();
        spec.protection = Protection::Stopped;
    });
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::Stopped.as_str());
    assert_eq!(status(&object).drift[0].field, "policy.name");
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
}
