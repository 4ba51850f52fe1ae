//! ValidateOnly: Azure judges what would be created or changed.

use azure_emulator::ProtectionState;
use http::Method;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{Mode, Reason, annotations};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::Value;

use super::{MINUTE, beside, expect_deleted_without_a_trace, in_mode, switch};
use crate::azure::SERVERS;
use crate::samples;
use crate::wire::Call::{Delete, Put, Resume, Validate, ValidateChange};
use crate::wire::Reply;
use crate::world::{Setup, World, is, message, reason, reason_of, status};

#[tokio::test(start_paused = true)]
async fn a_passed_validation_is_ready_creates_nothing_and_is_not_repeated() {
    for sample in samples::both_kinds() {
        let world = World::start();
        let mut object = sample;
        object.spec.mode = Mode::ValidateOnly;
        world.kubernetes.create(&object);
        let object = world.ready("orders").await;
        assert_eq!(reason(&object), Reason::ValidationPassed.as_str());
        assert_eq!(reason_of(&object, ConditionType::Protected), Reason::NotCreated.as_str());
        assert!(is(&object, ConditionType::Validated) && !is(&object, ConditionType::Protected));
        assert_eq!(object.finalizers().len(), 0);
        let writes = world.kubernetes.history("orders").len();
        world.pass(3 * 60 * MINUTE).await;
        assert_eq!(world.wire.asked_since(0), [Validate], "{}", world.wire);
        assert_eq!(world.kubernetes.history("orders").len(), writes);
        assert_eq!(world.azure.instances().len(), 0);
        expect_deleted_without_a_trace(&world, 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_validation_is_repeated_on_request_and_for_another_specification() {
    let world = World::start();
    world.kubernetes.create(&in_mode(Mode::ValidateOnly));
    world.ready("orders").await;
    world.kubernetes.annotate("orders", annotations::RECONCILE_REQUESTED_AT, "now");
    world.sent(|sent| sent.call == Validate, 2).await;
    world.ready("orders").await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.asked_since(0), [Validate, Validate, Validate], "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_refused_validation_is_explained_and_heals() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&in_mode(Mode::ValidateOnly));
    let object = world.stalled("orders", Reason::MissingPermissions).await;
    let issue = &status(&object).issues[0];
    assert!(!issue.recommended_actions.is_empty(), "{issue:?}");
    world.azure.grant(SERVERS);
    let object = world.ready("orders").await;
    assert_eq!(status(&object).issues, []);
    assert_eq!(world.azure.instances().len(), 0);

    world.kubernetes.edit("orders", |spec| spec.policy.name = "hourly".to_owned());
    world.reconciling("orders", Reason::PrerequisiteMissing).await;
    expect_deleted_without_a_trace(&world, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_azure_refuses_for_good_asks_for_a_person() {
    let world = World::start();
    world.azure.protect_by_hand("by-hand", "orders");
    world.kubernetes.create(&in_mode(Mode::ValidateOnly));
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains("spec.backupInstanceName: by-hand"), "{}", message(&object));
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_as_asked_leaves_nothing_to_validate() {
    let (world, position) = beside(Mode::ValidateOnly).await;
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::ValidationPassed.as_str());
    assert!(is(&object, ConditionType::Protected));
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.asked_since(position), []);
    expect_deleted_without_a_trace(&world, position).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_an_instance_is_judged_and_not_made() {
    let (world, position) = beside(Mode::ValidateOnly).await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::ValidationPassed.as_str());
    assert_eq!(status(&object).drift[0].field, "policy.name");
    assert!(is(&object, ConditionType::Protected) && !is(&object, ConditionType::Synced));
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.asked_since(position), [ValidateChange], "{}", world.wire);

    world.kubernetes.edit("orders", |spec| spec.policy.name = "hourly".to_owned());
    let object = world.reconciling("orders", Reason::PrerequisiteMissing).await;
    assert!(!is(&object, ConditionType::Ready) && is(&object, ConditionType::Protected));
    assert_eq!(status(&object).issues.len(), 1);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/weekly"));
    expect_deleted_without_a_trace(&world, position).await;
}

#[tokio::test(start_paused = true)]
async fn an_accepted_change_says_nothing_once_the_instance_is_deleted() {
    let (world, position) = beside(Mode::ValidateOnly).await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    world.azure.send(Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
    world.stalled("orders", Reason::SoftDeleted).await;
    assert_eq!(world.wire.asked_since(position), [ValidateChange]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_judged_is_said_to_be_so() {
    let is_no_answer = [Reply::error(403, "AuthorizationFailed"), Reply::error(404, "NotFound")];
    for reply in is_no_answer {
        let (world, position) = beside(Mode::ValidateOnly).await;
        world.wire.disturb_all(ValidateChange, reply.clone());
        world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        let object = world.stalled("orders", Reason::CannotValidate).await;
        assert_eq!(status(&object).drift[0].field, "policy.name", "{reply:?}");
        assert!(is(&object, ConditionType::Protected));
        let writes = world.kubernetes.history("orders").len();
        world.pass(60 * MINUTE).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes, "{reply:?}\n{}", world.wire);
        expect_deleted_without_a_trace(&world, position).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_stopped_backups_cannot_be_judged() {
    let (world, position) = beside(Mode::ValidateOnly).await;
    world.azure.befall(|instance| instance.state = ProtectionState::ProtectionStopped);
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    let object = world.stalled("orders", Reason::CannotValidate).await;
    assert!(message(&object).contains("ProtectionStopped"), "{}", message(&object));
    assert_eq!(world.wire.asked_since(position), []);
    expect_deleted_without_a_trace(&world, position).await;
}

#[tokio::test(start_paused = true)]
async fn an_old_api_version_cannot_judge_a_change() {
    let setup = Setup { api_version: ApiVersion::V2024_04_01, ..Setup::default() };
    let world = World::settled(&samples::flexible("orders"), setup).await;
    let position = world.wire.position();
    world.kubernetes.edit("orders", |spec| {
        spec.mode = Mode::ValidateOnly;
        spec.policy.name = "daily".to_owned();
    });
    world.stalled("orders", Reason::CannotValidate).await;
    expect_deleted_without_a_trace(&world, position).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_validated_is_created_once_that_is_asked_for() {
    let world = World::start();
    world.kubernetes.create(&in_mode(Mode::ValidateOnly));
    world.ready("orders").await;
    switch(&world, Mode::Enforce);
    let object = world.ready("orders").await;
    assert_eq!(reason(&object), Reason::Protected.as_str());
    assert_eq!(object.finalizers().len(), 1);
    assert_eq!(world.wire.of(Put).len(), 1);

    // And what is changed there is judged first, as always.
    switch(&world, Mode::ValidateOnly);
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    switch(&world, Mode::Enforce);
    world.ready("orders").await;
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
    assert_eq!((world.wire.of(Put).len(), world.wire.of(Delete).len(), world.wire.of(Resume).len()), (2, 0, 0));
}
