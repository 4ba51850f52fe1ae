//! `spec.protection`: backups run, are suspended or are stopped as asked, whoever has changed that and in whatever state
//! the backup instance is found.

use std::time::Duration;

use azure_emulator::{Incident, ProtectionState, PutOnFailed, PutOnStopped, StopWhilePaused, UserFacingError};
use http::Method;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Protection, Reason};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::{Value, json};

use crate::azure::SERVERS;
use crate::samples;
use crate::wire::Call::{Put, Resume, Stop, Suspend, Sync, Undelete, Validate, ValidateChange};
use crate::wire::{Call, Fault, Reply, Sent};
use crate::world::{Setup, World, is, message, reason, reason_of, status};

const MINUTE: Duration = Duration::from_secs(60);

/// How long a request whose outcome is unknown may still take effect.
const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

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
async fn backups_that_fail_can_be_stopped() {
    for wanted in [Protection::Suspended, Protection::Stopped] {
        let world = World::protected().await;
        world.azure.revoke(SERVERS);
        world.reconciling("orders", Reason::ProtectionError).await;
        wish(&world, wanted);
        expect_at(&world, wanted).await;
        assert_eq!(world.wire.of(Put).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn failing_backups_that_azure_does_not_stop_are_stopped_once_they_work_again() {
    let world = World::protected().await;
    world.azure.revoke(SERVERS);
    world.reconciling("orders", Reason::ProtectionError).await;
    world.wire.disturb_all(Stop, Reply::error(400, "UserErrorInvalidProtectionState"));
    wish(&world, Protection::Stopped);
    let object = world.stalled("orders", Reason::RequestRefused).await;
    assert_eq!(status(&object).issues[0].code, "UserErrorInvalidProtectionState");
    world.azure.grant(SERVERS);
    let syncs = world.wire.of(Sync).len();
    world.sent(|sent| sent.call == Sync && sent.answer == Some(202), syncs + 1).await;
    world.wire.calm();
    expect_at(&world, Protection::Stopped).await;
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

fn incident(code: &str) -> Option<Incident> {
    let error: UserFacingError = serde_json::from_value(json!({ "code": code, "message": "It broke." })).unwrap();
    Some(Incident { error, activity_id: "7d0b6a5e-0000-4000-8000-000000000001".to_owned() })
}

const BROKEN: [ProtectionState; 3] =
    [ProtectionState::ConfiguringProtectionFailed, ProtectionState::NotProtected, ProtectionState::Invalid];

#[tokio::test(start_paused = true)]
async fn a_backup_instance_that_does_not_work_is_told_of_and_configured_anew() {
    for sample in samples::both_kinds() {
        for state in BROKEN {
            let world = World::settled(&sample, Setup::default()).await;
            let position = world.wire.position();
            world.azure.befall(|instance| {
                instance.state = state;
                instance.error = incident("UserErrorSomethingNew");
            });
            let is_told = |object: &PostgresBackup| reason(object) == Reason::ProtectionError.as_str();
            let object = world.until("orders", "told", is_told).await;
            assert_eq!(status(&object).issues[0].code, "UserErrorSomethingNew");
            assert_eq!(status(&object).backup_instance.unwrap().protection_state.as_deref(), Some(state.as_str()));
            expect_at(&world, Protection::Active).await;
            assert_eq!(world.wire.asked_since(position), [Put], "{state}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_backup_instance_that_cannot_be_repaired_asks_for_a_person_and_does_not_flip() {
    for put_on_failed in [PutOnFailed::KeepsState, PutOnFailed::Refused] {
        for (state, code) in
            BROKEN.into_iter().zip(["UserErrorSomethingNew", "UserErrorMissingRequiredPermissions", ""])
        {
            let world = World::protected().await;
            world.azure.change(|azure| azure.settings.put_on_failed = put_on_failed);
            world.azure.befall(|instance| {
                instance.state = state;
                instance.error = incident(code);
            });
            world.pass(90 * MINUTE).await;
            let object = world.kubernetes.get("orders").unwrap();
            let what = format!("{put_on_failed:?} {state} {code}");
            assert!(is(&object, ConditionType::Stalled), "{what}\n{:#?}\n{}", status(&object), world.wire);
            assert!(!is(&object, ConditionType::Protected), "{what}");
            let turns = |world: &World| -> Vec<_> {
                let mut turns: Vec<_> =
                    world.kubernetes.history("orders").iter().map(|write| reason(&write.typed())).collect();
                turns.dedup();
                turns
            };
            let (turned, puts) = (turns(&world), world.wire.of(Put).len());
            world.pass(90 * MINUTE).await;
            assert_eq!(turns(&world), turned, "{what}\n{}", world.wire);
            assert!((1..=60).contains(&(world.wire.of(Put).len() - puts)), "{what}\n{}", world.wire);

            world.azure.change(|azure| azure.settings.put_on_failed = PutOnFailed::Configures);
            expect_at(&world, Protection::Active).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_way_of_resting_is_known() {
    use Protection::{Active, Stopped, Suspended};
    use ProtectionState::{BackupSchedulesSuspended, RetentionSchedulesSuspended};

    let cases: [(ProtectionState, Protection, &[Call]); 6] = [
        (BackupSchedulesSuspended, Active, &[Resume]),
        (BackupSchedulesSuspended, Suspended, &[]),
        (BackupSchedulesSuspended, Stopped, &[Resume, Stop]),
        (RetentionSchedulesSuspended, Active, &[Resume]),
        (RetentionSchedulesSuspended, Suspended, &[Resume, Suspend]),
        (RetentionSchedulesSuspended, Stopped, &[Resume, Stop]),
    ];
    for (state, wanted, expected) in cases {
        let world = World::protected().await;
        let position = world.wire.position();
        world.azure.befall(|instance| instance.state = state);
        wish(&world, wanted);
        world.ready("orders").await;
        world.pass(30 * MINUTE).await;
        assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));
        assert_eq!(world.wire.asked_since(position), expected, "{state} to {wanted}\n{}", world.wire);
    }
}

/// Has Azure show the backup instance with this text as its state, and no text at all for `None`.
fn show(world: &World, state: Option<&str>) {
    let mut body = world.azure.shown();
    let properties = body["properties"].as_object_mut().unwrap();
    properties.remove("currentProtectionState");
    properties.remove("protectionStatus");
    properties.extend(state.map(|state| ("currentProtectionState".to_owned(), json!(state))));
    world.wire.disturb_all(Call::GetInstance, Reply::ok(body));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_nobody_knows_is_shown_and_left_alone() {
    for wanted in WISHES {
        for shown in [Some("SomethingNew"), Some(""), None] {
            let world = World::settled(&with_wish(samples::flexible("orders"), wanted), Setup::default()).await;
            let position = world.wire.position();
            show(&world, shown);
            world.reconciling("orders", Reason::UnknownState).await;
            let object = world.stalled("orders", Reason::UnknownState).await;
            assert!(!is(&object, ConditionType::Protected));
            let told = status(&object).backup_instance.unwrap().protection_state.unwrap_or_default();
            assert_eq!(told, shown.unwrap_or_default());
            world.wire.calm();
            expect_at(&world, wanted).await;
            assert_eq!(world.wire.asked_since(position), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_in_other_letters_is_the_same_state() {
    let world = World::protected().await;
    let position = world.wire.position();
    show(&world, Some("protectionconfigured"));
    world.pass(60 * MINUTE).await;
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));
    assert!(world.wire.since(position).iter().all(|sent| !sent.call.writes_azure()), "{}", world.wire);

    world.wire.calm();
    show(&world, Some("PROTECTIONSTOPPED"));
    wish(&world, Protection::Stopped);
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::Stopped.as_str());
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

/// Brings about a request of this kind, and says what is wanted then.
async fn asking(call: Call, fault: Fault) -> (World, Protection) {
    let start = |protection| with_wish(samples::flexible("orders"), protection);
    let (world, wanted) = match call {
        Stop | Suspend => {
            let wanted = if call == Stop { Protection::Stopped } else { Protection::Suspended };
            (World::protected().await, wanted)
        }
        Undelete => (World::soft_deleted(&start(Protection::Active)).await, Protection::Stopped),
        _ => (World::settled(&start(Protection::Stopped), Setup::default()).await, Protection::Active),
    };
    world.wire.disturb(call, 1, fault);
    if call == Undelete {
        world.kubernetes.create(&start(wanted));
    } else {
        wish(&world, wanted);
    }
    (world, wanted)
}

const ACTIONS: [Call; 4] = [Stop, Suspend, Resume, Undelete];

#[tokio::test(start_paused = true)]
async fn an_action_whose_answer_is_lost_is_not_sent_again() {
    let lost = [
        Fault::LoseAnswer,
        Fault::Delay(Duration::from_secs(90)),
        Fault::ArriveLate(Duration::from_secs(2)),
        Fault::ArriveLate(Duration::from_secs(100)),
        Fault::ArriveLate(Duration::from_secs(4 * 60)),
    ];
    for call in ACTIONS {
        for fault in lost.clone() {
            let (world, wanted) = asking(call, fault.clone()).await;
            expect_at(&world, wanted).await;
            assert_eq!(world.wire.of(call).len(), 1, "{call:?} {fault:?}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_is_lost_is_sent_again_only_once_that_is_certain() {
    for call in ACTIONS {
        for fault in [Fault::LoseRequest, Reply::error(504, "GatewayTimeout").into()] {
            let (world, wanted) = asking(call, fault.clone()).await;
            let position = world.wire.position();
            world.reconciling("orders", Reason::AwaitingOutcome).await;
            expect_at(&world, wanted).await;
            let at: Vec<_> = world.wire.of(call).iter().map(|sent: &Sent| sent.at).collect();
            assert!(at.len() == 2, "{call:?} {fault:?}\n{}", world.wire);
            let gap = at[1] - at[0];
            assert!(gap >= UNCERTAINTY && gap < UNCERTAINTY + MINUTE, "{call:?} {gap:?}\n{}", world.wire);
            assert!(world.wire.asked_since(position).iter().all(|asked| *asked == call), "{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_that_fails_in_azure_is_explained_and_tried_again() {
    for call in [Stop, Suspend, Resume, Undelete] {
        let (world, wanted) = asking(call, Reply::error(400, "UserErrorSomethingNew").into()).await;
        let object = world.stalled("orders", Reason::RequestRefused).await;
        assert_eq!(status(&object).issues[0].code, "UserErrorSomethingNew");
        expect_at(&world, wanted).await;
        assert_eq!(world.wire.of(call).len(), 2, "{call:?}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_deleted_while_backups_rest_is_brought_back_to_rest() {
    for wanted in [Protection::Suspended, Protection::Stopped] {
        let world = World::settled(&with_wish(samples::flexible("orders"), wanted), Setup::default()).await;
        let position = world.wire.position();
        world.azure.send(Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
        world.reconciling("orders", Reason::Undeleting).await;
        expect_at(&world, wanted).await;
        let expected = if wanted == Protection::Stopped { vec![Undelete] } else { vec![Undelete, Resume, Suspend] };
        assert_eq!(world.wire.asked_since(position), expected, "{}", world.wire);
    }
}
