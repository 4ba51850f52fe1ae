//! Observe: what is there is compared and told, whoever owns it.

use azure_emulator::ProtectionState;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{Mode, Protection, Reason};

use super::{MINUTE, beside, choose_in_portal, expect_deleted_without_a_trace, in_mode, object, switch};
use crate::samples;
use crate::wire::Call::{Put, Validate, ValidateChange};
use crate::world::{World, is, message, reason, status};

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
