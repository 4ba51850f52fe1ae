//! Deletion: the backup instance goes with the object, or stays where that is asked for; nothing is left behind.

use std::time::Duration;

use http::Method;
use kube::ResourceExt;
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, Reason};

use serde_json::Value;

use crate::api_server::{Author, Edit};
use crate::samples;
use crate::wire::Call::{ApplyStatus, Delete, GetDeleted, GetInstance, PatchFinalizers, Poll, Put, Validate};
use crate::wire::{Call, Reply, Sent};
use crate::world::{World, status};

const MINUTE: Duration = Duration::from_secs(60);

fn retain(world: &World) {
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
}

fn last_event(world: &World) -> String {
    world.kubernetes.events().pop().and_then(|event| event.reason).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_backup_instance_goes_first_and_then_the_object() {
    let world = World::protected().await;
    let before = world.wire.steps().len();
    world.kubernetes.delete("orders");
    world.reconciling("orders", Reason::Deleting).await;
    world.gone("orders").await;

    assert_eq!(
        world.wire.steps()[before..],
        [GetInstance, ApplyStatus, Delete, GetInstance, GetDeleted, PatchFinalizers]
    );
    assert_eq!(world.azure.instances().len(), 0);
    assert_eq!(world.azure.tombstones(), 1);
    assert_eq!(last_event(&world), "Deleted");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_at_once_leaves_nothing() {
    let world = World::start();
    world.pass(MINUTE).await;
    world.kubernetes.create(&samples::flexible("orders"));
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.count(Call::writes_azure), 0);
}

/// The moments of a create at which the object may be deleted.
const MOMENTS: [(Call, usize); 7] =
    [(PatchFinalizers, 1), (GetInstance, 1), (Validate, 1), (Poll, 3), (ApplyStatus, 2), (Put, 1), (GetInstance, 4)];

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_during_its_create_leaves_nothing() {
    for (call, occurrence) in MOMENTS {
        for later in [0, 2, 70, 2_000] {
            let world = World::creating_until(call, occurrence, Duration::from_millis(later)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            assert_eq!(world.azure.instances().len(), 0, "{call:?} {occurrence} {later}\n{}", world.wire);
            let effective = |sent: &&Sent| sent.answer == Some(202);
            let (puts, deletes) = (world.wire.of(Put).len(), world.wire.of(Delete));
            assert_eq!(deletes.iter().filter(effective).count(), puts, "{call:?} {occurrence} {later}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_lets_go_during_its_create_never_deletes() {
    for (call, occurrence) in MOMENTS {
        let world = World::creating();
        world.sent(|sent| sent.call == call, occurrence).await;
        retain(&world);
        world.kubernetes.delete("orders");
        world.gone("orders").await;
        world.pass(20 * MINUTE).await;
        assert_eq!(world.wire.of(Delete).len(), 0, "{call:?} {occurrence}\n{}", world.wire);
        assert_eq!(world.azure.instances().len(), world.wire.of(Put).len(), "{call:?} {occurrence}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retained_backup_instance_stays_and_the_object_goes_at_once() {
    let world = World::protected().await;
    retain(&world);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    assert!(world.kubernetes.get("orders").is_none(), "no finalizer holds the object");
    world.pass(60 * MINUTE).await;
    assert_eq!(world.azure.instances().len(), 1);
    assert_eq!(world.wire.of(Delete).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn retain_can_still_be_asked_for_while_azure_refuses_the_delete() {
    let world = World::protected().await;
    world.wire.disturb_all(Delete, Reply::error(403, "AuthorizationFailed"));
    world.kubernetes.delete("orders");
    world.reconciling("orders", Reason::NotAuthorized).await;
    world.pass(10 * MINUTE).await;
    retain(&world);
    world.gone("orders").await;
    assert_eq!(world.azure.instances().len(), 1);
    assert_eq!(last_event(&world), "Retained");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_else_has_deleted_needs_no_delete() {
    let world = World::protected().await;
    let path = world.azure.instance().id.to_string();
    world.azure.send(Method::DELETE, &path, &Value::Null);
    world.pass(3 * MINUTE).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.wire.of(Delete).len(), 0);
    assert_eq!(last_event(&world), "NothingToDelete");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_is_gone_holds_nothing_back() {
    let world = World::protected().await;
    world.azure.change(|azure| azure.vaults.clear());
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.wire.of(Delete).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn not_found_without_a_code_that_says_so_proves_nothing() {
    for code in ["", "NotFound", "SubscriptionNotFound"] {
        let world = World::protected().await;
        world.wire.disturb_all(GetInstance, Reply::error(404, code));
        world.kubernetes.delete("orders");
        world.pass(3 * 60 * MINUTE).await;
        let object = world.kubernetes.get("orders").expect("the object is held");
        assert_eq!(object.finalizers().len(), 1, "{code}");
        world.wire.calm();
        world.gone("orders").await;
        assert_eq!(world.azure.instances().len(), 0, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_is_explained_and_tried_again() {
    let world = World::protected().await;
    world.wire.disturb(Delete, 1, Reply::error(400, "UserErrorSomethingNew"));
    world.kubernetes.delete("orders");
    let is_refused = |object: &PostgresBackup| !status(object).issues.is_empty();
    world.until("orders", "refused", is_refused).await;
    world.gone("orders").await;
    assert_eq!(world.azure.instances().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_is_on_before_the_first_write_to_azure_and_off_last() {
    let world = World::protected().await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    let sent = world.wire.sent();
    let position = |wanted: Call| sent.iter().position(|sent| sent.call == wanted).unwrap();
    assert!(position(PatchFinalizers) < position(Validate));
    let last = sent.iter().rposition(|sent| sent.call == PatchFinalizers).unwrap();
    assert!(sent[last..].iter().all(|sent| !sent.call.is_azure()), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn finalizers_of_others_stay() {
    let world = World::protected().await;
    world.kubernetes.hold("orders", "example.com/audit");
    world.kubernetes.delete("orders");
    world.pass(10 * MINUTE).await;
    let object = world.kubernetes.get("orders").unwrap();
    assert_eq!(object.finalizers(), ["example.com/audit"]);
    assert_eq!(world.azure.instances().len(), 0);
    let writes: Vec<_> = world.kubernetes.history("orders");
    assert!(writes.last().is_some_and(|write| write.author == Author::Operator && write.edit == Edit::Finalizers));
}

#[tokio::test(start_paused = true)]
async fn retain_that_comes_too_late_is_not_claimed() {
    let world = World::protected().await;
    world.kubernetes.delete("orders");
    world.sent(|sent| sent.call == Delete && sent.answer == Some(202), 1).await;
    world.pass(MINUTE / 2).await;
    retain(&world);
    world.gone("orders").await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.azure.instances().len(), 0);
    assert_ne!(last_event(&world), "Retained", "Azure had accepted the DELETE");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_during_a_change_leaves_nothing() {
    for (call, occurrence) in [(GetInstance, 1), (ApplyStatus, 1), (Put, 1), (GetInstance, 3)] {
        for later in [0, 2, 70, 2_000] {
            let world = World::protected().await;
            let sent = world.wire.of(call).len();
            world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
            world.sent(|sent| sent.call == call, sent + occurrence).await;
            world.pass(Duration::from_millis(later)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            assert_eq!(world.azure.instances().len(), 0, "{call:?} {occurrence} {later}\n{}", world.wire);
        }
    }
}
