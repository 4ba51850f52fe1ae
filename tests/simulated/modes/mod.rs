//! `spec.mode`: Observe and ValidateOnly tell and never change anything, neither in Azure nor by being deleted.

mod observe;
mod validate_only;

use std::time::Duration;

use azure_emulator::ProtectionState;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions;
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, Reason};

use crate::azure::{VAULT, id};
use crate::samples;
use crate::wire::Call;
use crate::wire::Call::{Put, Stop, Validate, ValidateChange};
use crate::world::{World, message, status};

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
