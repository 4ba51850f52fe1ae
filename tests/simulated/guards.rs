//! What holds a deletion back in the vault: nobody could undo it, the vault is immutable, a resource guard wants approval.

use std::time::Duration;

use azure_emulator::{Immutability, ProtectionState, ResourceGuard, SoftDeleteState, VaultSecurity};
use postgres_backup_operator::api::{DeletionPolicy, Reason, annotations};
use postgres_backup_operator::azure::ApiVersion;

use crate::azure::{SERVERS, VAULT, id};
use crate::samples;
use crate::wire::Call::Delete;
use crate::world::{Setup, World, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A protected `orders` in a vault in which a DELETE is final.
async fn without_soft_delete() -> World {
    let world = World::with(Setup { api_version: ApiVersion::V2025_07_01, ..Setup::default() });
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    // Somebody turns it off after the operator has read the vault.
    world.azure.turn_soft_delete_off();
    world
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_nobody_could_undo_waits_until_it_is_confirmed_for_exactly_this_instance() {
    let world = without_soft_delete().await;
    let instance = world.azure.instance().name().to_owned();
    world.kubernetes.delete("orders");
    let object = world.stalled("orders", Reason::AwaitingConfirmation).await;
    let line = format!("{}: {instance}", annotations::ALLOW_IRREVERSIBLE_DELETE);
    assert!(message(&object).contains(&line), "{}", message(&object));
    for nearly in ["true", "orders", "*", &instance[1..]] {
        world.kubernetes.annotate("orders", annotations::ALLOW_IRREVERSIBLE_DELETE, nearly);
        world.pass(HOUR).await;
        assert_eq!(world.wire.of(Delete).len(), 0, "{nearly}");
    }
    world.kubernetes.annotate("orders", annotations::ALLOW_IRREVERSIBLE_DELETE, &instance);
    world.gone("orders").await;
    assert_eq!((world.azure.instances().len(), world.azure.tombstones(), world.wire.of(Delete).len()), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_nobody_could_undo_can_be_turned_into_a_stop() {
    let world = without_soft_delete().await;
    world.kubernetes.delete("orders");
    world.stalled("orders", Reason::AwaitingConfirmation).await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::StopProtection);
    world.gone("orders").await;
    assert_eq!(world.azure.instance().state, ProtectionState::ProtectionStopped);
    assert_eq!(world.wire.of(Delete).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_can_be_undone_again_goes_on_by_itself() {
    for state in [SoftDeleteState::On, SoftDeleteState::AlwaysOn] {
        let world = without_soft_delete().await;
        world.kubernetes.delete("orders");
        world.stalled("orders", Reason::AwaitingConfirmation).await;
        world.azure.change(|azure| azure.vaults[0].soft_delete.state = state);
        world.gone("orders").await;
        assert_eq!(world.azure.tombstones(), 1);
    }
}

fn secure(world: &World, immutability: Immutability, resource_guard: Option<ResourceGuard>) {
    world.azure.change(|azure| {
        azure.put_vault_security(VaultSecurity { vault: id(VAULT), immutability, resource_guard });
    });
}

#[tokio::test(start_paused = true)]
async fn an_immutable_vault_refuses_a_delete_and_lets_backups_be_stopped() {
    for immutability in [Immutability::Unlocked, Immutability::Locked] {
        let world = World::protected().await;
        secure(&world, immutability, None);
        world.kubernetes.delete("orders");
        let object = world.stalled("orders", Reason::RequestRefused).await;
        let issue = &status(&object).issues[0];
        assert_eq!(issue.code, "UserErrorOperationDeniedOnImmutableItem");
        assert!(issue.recommended_actions[0].contains("AB-ImmutableVaults"), "{issue:?}");
        assert!(message(&object).contains("Immutable") && message(&object).contains("Retain"), "{}", message(&object));
        let (writes, tries) = (world.kubernetes.history("orders").len(), world.wire.of(Delete).len());
        world.pass(24 * HOUR).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips");
        assert!((100..200).contains(&(world.wire.of(Delete).len() - tries)), "{}", world.wire.of(Delete).len());

        world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::StopProtection);
        world.gone("orders").await;
        assert_eq!(world.azure.instance().state, ProtectionState::ProtectionStopped);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_guard_is_explained_and_waited_for() {
    for policy in [DeletionPolicy::Delete, DeletionPolicy::StopProtection] {
        let world = World::protected().await;
        world.kubernetes.edit("orders", |spec| spec.deletion_policy = policy);
        world.ready("orders").await;
        let guard = id(&format!("{SERVERS}/providers/Microsoft.DataProtection/resourceGuards/security"));
        secure(&world, Immutability::Disabled, Some(ResourceGuard { id: guard, permits_callers: true }));
        world.kubernetes.delete("orders");
        let object = world.stalled("orders", Reason::AwaitingApproval).await;
        let said = message(&object);
        for part in ["resource guard", "rights on the guard", "Retain"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(status(&object).issues[0].recommended_actions[0].contains("resourceGuards/security"), "{object:?}");
        let writes = world.kubernetes.history("orders").len();
        world.pass(3 * HOUR).await;
        assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips\n{}", world.wire);

        secure(&world, Immutability::Disabled, None);
        let lifted = world.elapsed();
        world.gone("orders").await;
        assert!(world.elapsed() - lifted < 10 * MINUTE, "{:?}", world.elapsed() - lifted);
    }
}
