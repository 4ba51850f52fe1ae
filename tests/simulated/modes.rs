//! `spec.mode`: Observe and ValidateOnly tell and never change anything, neither in Azure nor by being deleted.

use std::time::Duration;

use azure_emulator::ProtectionState;
use http::Method;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, Reason, annotations};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::Value;

use crate::azure::{SERVERS, VAULT, id};
use crate::samples;
use crate::wire::Call::{Delete, Put, Resume, Stop, Validate, ValidateChange};
use crate::wire::{Call, Reply};
use crate::world::{Setup, World, is, message, reason, reason_of, status};

const MINUTE: Duration = Duration::from_secs(60);

fn in_mode(mode: Mode) -> PostgresBackup {
    let mut object = samples::flexible("orders");
    object.spec.mode = mode;
    object
}

fn switch(world: &World, mode: Mode) {
    world.kubernetes.edit("orders", |spec| spec.mode = mode);
}

fn object(world: &World) -> PostgresBackup {
    world.kubernetes.get("orders").unwrap()
}

/// A protected database, and an object in this mode that did not make its backup instance.
async fn beside(mode: Mode) -> (World, usize) {
    let world = World::orphaned(&samples::flexible("orders")).await;
    let position = world.wire.position();
    world.kubernetes.create(&in_mode(mode));
    (world, position)
}

/// Somebody gives the backup instance another policy.
fn choose_in_portal(world: &World, policy: &str) {
    let policy = id(&format!("{VAULT}/backupPolicies/{policy}"));
    world.azure.befall(|instance| instance.spec.policy.policy_id = policy);
}

/// Expects that the object can be deleted without the operator, and that this touches nothing.
async fn expect_deleted_without_a_trace(world: &World, position: usize) {
    let before = world.azure.instances().len();
    assert_eq!(object(world).finalizers().len(), 0, "it carries a finalizer");
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Delete);
    world.kubernetes.delete("orders");
    assert!(world.kubernetes.get("orders").is_none(), "a finalizer holds it");
    world.pass(30 * MINUTE).await;
    assert_eq!(world.azure.instances().len(), before);
    let asked = world.wire.asked_since(position);
    assert!(asked.iter().all(|call| matches!(call, Validate | ValidateChange)), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_observed_instance_that_is_as_asked_is_ready_whoever_owns_it() {
    for tags in [vec![], vec![("pgbackup-owner".to_owned(), "another-cluster/shop/orders".to_owned())]] {
        let world = World::orphaned(&samples::flexible("orders")).await;
        world.azure.befall(|instance| instance.tags = tags.into_iter().collect());
        let position = world.wire.position();
        world.kubernetes.create(&in_mode(Mode::Observe));
        let object = world.ready("orders").await;
        assert_eq!(reason(&object), Reason::Protected.as_str());
        assert!(status(&object).drift.is_empty());
        world.pass(60 * MINUTE).await;
        assert_eq!(world.wire.asked_since(position), []);
        expect_deleted_without_a_trace(&world, position).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_observed_instance_that_is_missing_is_not_created() {
    let world = World::start();
    world.kubernetes.create(&in_mode(Mode::Observe));
    let object = world.stalled("orders", Reason::NotCreated).await;
    assert!(message(&object).contains("Enforce"), "{}", message(&object));
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!((world.kubernetes.history("orders").len(), world.wire.asked_since(0)), (writes, vec![]));
    switch(&world, Mode::Enforce);
    world.ready("orders").await;
    assert_eq!(world.wire.asked_since(0), [Validate, Put]);
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_told_and_only_corrected_once_that_is_asked_for() {
    let (world, position) = beside(Mode::Observe).await;
    world.ready("orders").await;
    choose_in_portal(&world, "daily");
    let object = world.stalled("orders", Reason::DriftDetected).await;
    let drift = status(&object).drift;
    let [item] = drift.as_slice() else { panic!("{drift:?}") };
    assert_eq!(item.field, "policy.name");
    assert!(item.desired == "weekly" && item.actual == "daily", "{item:?}");
    assert!(is(&object, ConditionType::Protected) && !is(&object, ConditionType::Synced));
    let writes = world.kubernetes.history("orders").len();
    world.pass(60 * MINUTE).await;
    assert_eq!((world.kubernetes.history("orders").len(), world.wire.asked_since(position)), (writes, vec![]));

    switch(&world, Mode::Enforce);
    let object = world.ready("orders").await;
    assert_eq!(status(&object).drift, []);
    assert_eq!(world.wire.asked_since(position), [ValidateChange, Put]);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/weekly"));
}

#[tokio::test(start_paused = true)]
async fn backups_that_do_not_run_as_asked_are_told_of() {
    for (state, wanted) in [
        (ProtectionState::ProtectionStopped, Protection::Active),
        (ProtectionState::BackupsSuspended, Protection::Stopped),
        (ProtectionState::ProtectionConfigured, Protection::Stopped),
    ] {
        let (world, position) = beside(Mode::Observe).await;
        world.azure.befall(|instance| instance.state = state);
        world.kubernetes.edit("orders", |spec| spec.protection = wanted);
        let object = world.stalled("orders", Reason::DriftDetected).await;
        assert_eq!(status(&object).drift[0].field, "protection");
        assert_eq!(is(&object, ConditionType::Protected), state == ProtectionState::ProtectionConfigured);
        expect_deleted_without_a_trace(&world, position).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_never_asks_for_anything_whatever_azure_shows() {
    expect_hands_off(Mode::Observe, |_| false).await;
}

#[tokio::test(start_paused = true)]
async fn a_validator_asks_only_for_a_judgement_whatever_azure_shows() {
    expect_hands_off(Mode::ValidateOnly, |call| call == ValidateChange).await;
}

/// Looks on for a while at a backup instance in every state, and expects that nothing happens to it.
async fn expect_hands_off(mode: Mode, harmless: impl Fn(Call) -> bool) {
    let wishes = [(Protection::Active, "weekly"), (Protection::Active, "daily"), (Protection::Stopped, "weekly")];
    for state in ProtectionState::known().chain(["SomethingNew".parse().unwrap()]) {
        for (wanted, policy) in wishes {
            let world = World::start();
            world.azure.protect_by_hand(&naming(), "orders");
            choose_in_portal(&world, policy);
            world.azure.befall(|instance| instance.state = state);
            let mut object = in_mode(mode);
            object.spec.protection = wanted;
            world.kubernetes.create(&object);
            world.pass(35 * MINUTE).await;
            let what = format!("{state} {mode:?} {wanted} {policy}\n{}", world.wire);
            assert!(world.wire.asked_since(0).into_iter().all(&harmless), "{what}");
            assert_eq!(world.azure.instance().state, state, "{what}");
            let writes = world.kubernetes.history("orders").len();
            world.pass(15 * MINUTE).await;
            assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips: {what}");
        }
    }
}

/// The name that the operator gives the backup instance of `orders`.
fn naming() -> String {
    use postgres_backup_operator::reconcile::validate::{Key, Target};

    let mut object = samples::flexible("orders");
    object.metadata.namespace = Some("shop".to_owned());
    object.metadata.uid = Some("uid".to_owned());
    object.metadata.generation = Some(1);
    let target = Target::parse(&object, &Key::of(&object).unwrap(), "cluster").unwrap();
    target.instance.name().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_soft_deleted_instance_is_told_of_and_stays_deleted() {
    for mode in [Mode::Observe, Mode::ValidateOnly] {
        let world = World::soft_deleted(&samples::flexible("orders")).await;
        let position = world.wire.position();
        world.kubernetes.create(&in_mode(mode));
        let object = world.stalled("orders", Reason::SoftDeleted).await;
        assert!(
            message(&object).contains(&conditions::whole_seconds(world.azure.tombstone().purge_at).to_string()),
            "{}",
            message(&object)
        );
        world.pass(60 * MINUTE).await;
        assert_eq!(world.wire.asked_since(position), []);
        switch(&world, Mode::Enforce);
        world.ready("orders").await;
        assert_eq!(world.azure.tombstones(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_only_looks_on_from_now_lets_go() {
    let world = World::protected().await;
    assert_eq!(object(&world).finalizers().len(), 1);
    let position = world.wire.position();
    switch(&world, Mode::Observe);
    let observed = world.ready("orders").await;
    assert_eq!(observed.finalizers().len(), 0);
    world.azure.act("stopProtection");
    world.stalled("orders", Reason::DriftDetected).await;
    expect_deleted_without_a_trace(&world, position).await;
    assert_eq!(world.azure.instance().state, ProtectionState::ProtectionStopped);
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_the_mode_changes_is_left_to_run() {
    for (call, state) in [(Put, ProtectionState::ProtectionConfigured), (Stop, ProtectionState::ProtectionStopped)] {
        for mode in [Mode::Observe, Mode::ValidateOnly] {
            for later in [0, 70, 2_000] {
                let world = if call == Put { World::creating() } else { World::protected().await };
                if call == Stop {
                    world.kubernetes.edit("orders", |spec| spec.protection = Protection::Stopped);
                }
                world.sent(|sent| sent.call == call, 1).await;
                world.pass(Duration::from_millis(later)).await;
                let position = world.wire.position();
                switch(&world, mode);
                let object = world.ready("orders").await;
                assert_eq!(object.finalizers().len(), 0, "{call:?} {mode:?} {later}");
                assert_eq!(status(&object).operation, None, "{call:?} {mode:?} {later}");
                assert_eq!(world.azure.instance().state, state);
                assert_eq!(world.wire.asked_since(position), [], "{call:?} {mode:?} {later}\n{}", world.wire);
            }
        }
    }
}

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
