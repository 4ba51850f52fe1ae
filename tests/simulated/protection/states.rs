//! Every state in which Azure may show a backup instance, for every wish.

use azure_emulator::{Incident, ProtectionState, PutOnFailed, UserFacingError};
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{PostgresBackup, Protection, Reason};
use serde_json::json;

use super::{MINUTE, WISHES, expect_at, wish, with_wish};
use crate::azure::SERVERS;
use crate::samples;
use crate::wire::Call::{Put, Resume, Stop, Suspend, Sync};
use crate::wire::{Call, Reply};
use crate::world::{Setup, World, is, reason, status};

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
