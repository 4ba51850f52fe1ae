//! What takes too long asks for a person, however it comes about, and heals without one.

use std::time::Duration;

use azure_emulator::Timing;
use http::Method;
use postgres_backup_operator::api::Reason;
use postgres_backup_operator::api::conditions::ConditionType;
use serde_json::{Value, json};

use crate::azure::{SERVERS, server_id};
use crate::samples;
use crate::wire::Call::{Delete, GetInstance, GetVault, Poll, PublishEvent, Put, Validate};
use crate::wire::{Fault, Reply, Sent};
use crate::world::{Setup, World, is, status};

const MINUTE: Duration = Duration::from_secs(60);

/// When an object that is not there yet counts as stalled.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

#[tokio::test(start_paused = true)]
async fn past_the_deadline_a_person_is_asked_and_healing_needs_nobody() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    let troubled = world.reconciling("orders", Reason::MissingPermissions).await;
    let object = world.stalled("orders", Reason::MissingPermissions).await;
    assert!(!is(&object, ConditionType::Reconciling));
    let waited = world.elapsed();
    assert!((DEADLINE..DEADLINE + 5 * MINUTE).contains(&waited), "{waited:?}\n{}", world.wire);
    assert_eq!(status(&object).issues[0].code, status(&troubled).issues[0].code);

    // Still looked at, every few minutes and without a write.
    let (writes, looks) = (world.kubernetes.history("orders").len(), world.wire.of(Validate).len());
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
    let looks = world.wire.of(Validate).len() - looks;
    assert!((8..=13).contains(&looks), "{looks} looks in an hour\n{}", world.wire);

    world.azure.grant(&server_id("orders"));
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_past_the_deadline_asks_for_a_person_wherever_it_strikes() {
    let faults =
        [Fault::Refuse, Fault::LoseRequest, Reply::error(503, "").into(), Reply::error(429, "").retry_after(20).into()];
    let mut forgotten = Vec::new();
    for call in [GetVault, GetInstance, Validate, Poll, Put] {
        for fault in faults.clone() {
            let world = World::creating();
            world.wire.disturb_all(call, fault.clone());
            world.pass(DEADLINE + 12 * MINUTE).await;
            if !is(&world.kubernetes.get("orders").unwrap(), ConditionType::Stalled) {
                forgotten.push(format!("{call:?} meets {fault:?}"));
            }
            world.wire.calm();
            world.ready("orders").await;
        }
    }
    assert!(forgotten.is_empty(), "nobody is told when {forgotten:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_protected_object_stays_ready_while_azure_cannot_be_read_until_the_deadline() {
    let faults =
        [Fault::Refuse, Fault::LoseAnswer, Reply::error(503, "").into(), Fault::Delay(Duration::from_secs(3600))];
    for fault in faults {
        let world = World::protected().await;
        let writes = world.kubernetes.history("orders").len();
        world.wire.disturb_all(GetInstance, fault.clone());
        world.pass(DEADLINE - MINUTE).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes, "{fault:?}\n{}", world.wire);
        let object = world.stalled("orders", Reason::AzureUnavailable).await;
        assert!(!is(&object, ConditionType::Ready));
        world.pass(60 * MINUTE).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes + 1, "{fault:?}\n{}", world.wire);
        world.wire.calm();
        world.ready("orders").await;
        assert_eq!(world.kubernetes.history("orders").len(), writes + 2, "{fault:?}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_of_a_protected_object_writes_nothing() {
    let world = World::protected().await;
    let writes = world.kubernetes.history("orders").len();
    for _ in 0..6 {
        world.wire.disturb_all(GetInstance, Reply::error(503, ""));
        world.pass(20 * MINUTE).await;
        world.wire.calm();
        world.pass(20 * MINUTE).await;
    }
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_takes_too_long_asks_for_a_person_until_it_is_done() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let timing = Timing { configure: hours(2)..=hours(2), ..Timing::default() };
    let world = World::with(Setup { timing, ..Setup::default() });
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::Creating).await;
    assert!(world.elapsed() < DEADLINE + 2 * MINUTE, "{:?}", world.elapsed());
    let writes = world.kubernetes.history("orders").len();

    // A new process knows it as well.
    world.wire.disturb(GetInstance, 1, Fault::CrashBefore);
    world.pass(10 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 1);
}

/// An operation's report that it failed.
fn failed(code: &str) -> Reply {
    Reply::ok(json!({
        "status": "Failed",
        "error": { "code": code, "message": "It did not work.", "target": null, "details": null },
    }))
}

/// Has Azure go on showing the backup instance as it is now.
fn freeze(world: &World) {
    let path = world.azure.instance().id.to_string();
    let (_, body) = world.azure.send(Method::GET, &path, &Value::Null);
    world.wire.disturb_all(GetInstance, Reply::ok(body));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_azure_accepts_and_never_carries_out_asks_for_a_person() {
    let world = World::protected().await;
    freeze(&world);
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.stalled("orders", Reason::ConflictingWriter).await;
    assert!(world.elapsed() < DEADLINE + 10 * MINUTE, "{:?}", world.elapsed());
    assert!(world.wire.of(Put).len() < 10);
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_operation_fails_every_time_is_explained_and_asks_for_a_person() {
    let world = World::protected().await;
    freeze(&world);
    world.wire.disturb_all(Poll, failed("UserErrorDBNotFound"));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    let object = world.reconciling("orders", Reason::PrerequisiteMissing).await;
    assert_eq!(status(&object).issues[0].code, "UserErrorDBNotFound");
    world.stalled("orders", Reason::PrerequisiteMissing).await;
    assert!(world.elapsed() < DEADLINE + 10 * MINUTE, "{:?}", world.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_deletion_of_an_object_that_azure_refuses_asks_for_a_person() {
    let world = World::protected().await;
    world.wire.disturb_all(Delete, Reply::error(403, "AuthorizationFailed"));
    world.kubernetes.delete("orders");
    world.stalled("orders", Reason::NotAuthorized).await;
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
    world.wire.calm();
    world.gone("orders").await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_survives_a_restart() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::MissingPermissions).await;
    for _ in 0..4 {
        world.pass(6 * MINUTE).await;
        world.wire.disturb(Validate, 1, Fault::CrashBefore);
    }
    world.stalled("orders", Reason::MissingPermissions).await;
    assert!(world.elapsed() < DEADLINE + 10 * MINUTE, "{:?}\n{}", world.elapsed(), world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_object_stays_stalled_over_a_restart_without_a_write() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::MissingPermissions).await;
    let writes = world.kubernetes.history("orders").len();
    world.wire.disturb(Validate, 1, Fault::CrashBefore);
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_day_of_trouble_is_a_handful_of_events_and_writes() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.pass(24 * 60 * MINUTE).await;
    let told: Vec<_> = world.kubernetes.events().into_iter().map(|event| event.reason.unwrap()).collect();
    // The last one is the turn from reconciling to stalled.
    assert_eq!(told, ["Validating", "MissingPermissions", "MissingPermissions"]);
    assert_eq!(world.wire.of(PublishEvent).len(), 3, "{}", world.wire);
    assert!(world.kubernetes.history("orders").len() <= 6);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_an_older_request_is_not_held_against_a_newer_specification() {
    let world = World::protected().await;
    freeze(&world);
    world.azure.create_policy("hourly");
    world.wire.disturb(Poll, 1, failed("DppPluginInvalidInputParameters"));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    let is_accepted = |sent: &Sent| sent.call == Put && sent.answer == Some(201);
    world.sent(is_accepted, 2).await;
    world.pass(Duration::from_secs(5)).await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "hourly".to_owned());
    world.pass(MINUTE).await;
    assert!(!is(&world.kubernetes.get("orders").unwrap(), ConditionType::Stalled), "{}", world.wire);
    assert_eq!(world.wire.count_sent(is_accepted), 3, "{}", world.wire);
}
