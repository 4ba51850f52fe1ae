//! What others change in Azure is put right, told of, and given up where somebody works against it.

use std::time::Duration;

use http::Method;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::v1alpha1::DriftItem;
use postgres_backup_operator::api::{Mode, PostgresBackup, Reason, annotations};
use serde_json::json;

use crate::azure::{VAULT, id};
use crate::wire::Call::{self, GetInstance, Put, Resume};
use crate::world::{World, is, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Somebody gives the backup instance another policy.
async fn swap_policy(world: &World) {
    let policy = json!(format!("{VAULT}/backupPolicies/daily"));
    world.meddle(|body| body["properties"]["policyInfo"]["policyId"] = policy).await;
}

/// Somebody stops the backups.
async fn stop(world: &World) {
    let path = format!("{}/stopProtection", world.azure.instance().id);
    assert_eq!(world.azure.send(Method::POST, &path, &json!({})).0, 202);
    world.pass(MINUTE).await;
}

/// Waits until the operator has seen the difference, and then until it has put it right.
async fn corrected(world: &World) {
    world.until("orders", "differing", |object| !is(object, ConditionType::Ready)).await;
    world.ready("orders").await;
}

/// What the operator has asked of Azure besides looking.
fn writes(world: &World) -> usize {
    world.wire.count(Call::writes_azure)
}

/// A world in which the operator has given up on a stranger.
async fn contested() -> World {
    let world = World::protected().await;
    for _ in 0..3 {
        swap_policy(&world).await;
        corrected(&world).await;
    }
    assert_eq!(world.wire.of(Put).len(), 4);
    swap_policy(&world).await;
    world.stalled("orders", Reason::ConflictingWriter).await;
    world
}

async fn expect_hands_off(world: &World) {
    let (before, statuses) = (writes(world), world.kubernetes.history("orders").len());
    world.pass(48 * HOUR).await;
    assert_eq!(writes(world), before, "{}", world.wire);
    assert_eq!(world.kubernetes.history("orders").len(), statuses, "it flips");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_undoes_the_same_correction_three_times_a_day_is_left_to_it() {
    let world = contested().await;
    let object = world.kubernetes.get("orders").unwrap();
    let item = DriftItem { field: "policy.name".to_owned(), desired: "weekly".to_owned(), actual: "daily".to_owned() };
    assert_eq!(status(&object).drift, [item]);
    for part in ["policy.name", "activity log", annotations::RECONCILE_REQUESTED_AT] {
        assert!(message(&object).contains(part), "{}", message(&object));
    }
    assert!(is(&object, ConditionType::Protected), "Azure takes backups all the same");
    expect_hands_off(&world).await;
    assert_eq!(world.wire.of(Put).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn that_stays_so_when_the_operator_is_started_again() {
    let world = contested().await;
    world.restart().await;
    world.pass(20 * MINUTE).await;
    world.stalled("orders", Reason::ConflictingWriter).await;
    expect_hands_off(&world).await;
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_specification_changes() {
    let world = contested().await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 4, "that is what the stranger wants");
    world.kubernetes.edit("orders", |spec| spec.policy.name = "weekly".to_owned());
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_a_reconcile_is_requested() {
    for restarted in [false, true] {
        let world = contested().await;
        if restarted {
            world.restart().await;
        }
        world.kubernetes.annotate("orders", annotations::RECONCILE_REQUESTED_AT, "now");
        world.ready("orders").await;
        world.pass(HOUR).await;
        assert_eq!(world.wire.of(Put).len(), 5, "{}", world.wire);
        // The count begins anew.
        swap_policy(&world).await;
        corrected(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_stranger_does_what_is_asked_for() {
    let world = contested().await;
    world
        .meddle(|body| {
            body["properties"]["policyInfo"]["policyId"] = json!(format!("{VAULT}/backupPolicies/weekly"));
        })
        .await;
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_stopping_the_backups_is_left_to_it_as_well() {
    let world = World::protected().await;
    for _ in 0..3 {
        stop(&world).await;
        corrected(&world).await;
    }
    stop(&world).await;
    let object = world.stalled("orders", Reason::ConflictingWriter).await;
    assert_eq!(world.wire.of(Resume).len(), 3);
    assert!(!is(&object, ConditionType::Protected));
    expect_hands_off(&world).await;
}

#[tokio::test(start_paused = true)]
async fn corrections_that_are_a_day_apart_are_no_conflict() {
    let world = World::protected().await;
    for _ in 0..6 {
        swap_policy(&world).await;
        corrected(&world).await;
        world.pass(9 * HOUR).await;
    }
    assert_eq!(world.wire.of(Put).len(), 7);
}

#[tokio::test(start_paused = true)]
async fn different_corrections_are_no_conflict() {
    let world = World::protected().await;
    for _ in 0..2 {
        swap_policy(&world).await;
        corrected(&world).await;
        stop(&world).await;
        corrected(&world).await;
        world.meddle(|body| body["tags"] = json!({})).await;
        corrected(&world).await;
    }
    assert!(is(&world.kubernetes.get("orders").unwrap(), ConditionType::Ready));
}

#[tokio::test(start_paused = true)]
async fn edits_of_the_specification_are_no_corrections() {
    let world = World::protected().await;
    for number in 0..8 {
        let policy = ["daily", "weekly"][number % 2];
        world.kubernetes.edit("orders", |spec| spec.policy.name = policy.to_owned());
        world.ready("orders").await;
        world.pass(20 * MINUTE).await;
    }
    assert_eq!((world.wire.of(Put).len(), world.gauges.read("postgresbackup_drift_corrected_total")), (9, 0.0));
}

#[tokio::test(start_paused = true)]
async fn a_correction_is_an_event_and_a_metric_once_it_has_had_its_effect() {
    let world = World::protected().await;
    swap_policy(&world).await;
    world.sent(|sent| sent.call == Put && sent.answer.is_some(), 2).await;
    let count = |what: &str| world.gauges.read(&format!("postgresbackup_drift_{what}_total"));
    assert_eq!((count("found"), count("corrected")), (1.0, 0.0));
    world.ready("orders").await;
    world.pass(MINUTE).await;
    assert_eq!((count("found"), count("corrected")), (1.0, 1.0));
    let events = world.kubernetes.events();
    let corrected = events.iter().filter(|event| event.reason.as_deref() == Some("DriftCorrected"));
    let notes: Vec<_> = corrected.map(|event| event.note.clone().unwrap()).collect();
    assert_eq!(notes.len(), 1);
    for part in ["policy.name", "daily", "weekly"] {
        assert!(notes[0].contains(part), "{}", notes[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_tells_of_differences_and_corrects_nothing() {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.mode = Mode::Observe);
    world.ready("orders").await;
    let before = writes(&world);
    swap_policy(&world).await;
    let object = world.stalled("orders", Reason::DriftDetected).await;
    assert_eq!(status(&object).drift[0].field, "policy.name");
    world.pass(24 * HOUR).await;
    assert_eq!(writes(&world), before);
}

#[tokio::test(start_paused = true)]
async fn ids_that_azure_spells_otherwise_are_the_same() {
    let world = World::protected().await;
    let shout = |text: &str| id(&text.to_uppercase().replace("/SUBSCRIPTIONS/", "/subscriptions/"));
    let path = world.azure.instance().id;
    world.azure.in_portal(|azure| {
        let spec = &mut azure.instance_mut(&path).unwrap().spec;
        spec.policy.policy_id = shout(spec.policy.policy_id.as_str());
        spec.datasource.resource_id = shout(spec.datasource.resource_id.as_str());
    });
    let (before, statuses) = (writes(&world), world.kubernetes.history("orders").len());
    world.pass(24 * HOUR).await;
    assert_eq!(writes(&world), before, "{}", world.wire);
    let ready = |object: &PostgresBackup| is(object, ConditionType::Ready);
    assert!(ready(&world.kubernetes.get("orders").unwrap()));
    assert!(world.kubernetes.history("orders").len() <= statuses + 1, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_put_keeps_what_somebody_has_set_a_moment_before() {
    let world = World::protected().await;
    let looks = world.wire.of(GetInstance).len();
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.sent(|sent| sent.call == GetInstance, looks + 1).await;
    world.meddle(|body| body["tags"]["costCenter"] = json!("4711")).await;
    world.ready("orders").await;
    assert_eq!(world.azure.instance().tags["costCenter"], "4711", "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_to_say_is_never_changed() {
    let world = World::protected().await;
    world
        .meddle(|body| {
            body["tags"]["costCenter"] = json!("4711");
            body["properties"]["friendlyName"] = json!("Orders, EU");
            body["properties"]["policyInfo"]["policyParameters"] = json!({ "backupDatasourceParametersList": [] });
        })
        .await;
    let before = writes(&world);
    world.pass(24 * HOUR).await;
    assert_eq!(writes(&world), before);
}
