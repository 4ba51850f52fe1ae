//! What becomes of the backup instance when its object is deleted: every deletion policy in every situation, and a policy
//! that changes on the way.

mod situation;

use std::time::Duration;

use azure_emulator::ProtectionState;
use http::Method;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, Reason};
use serde_json::Value;

use situation::Situation;

use crate::wire::Call::{self, Delete, Put, Resume, Stop, ValidateChange};
use crate::wire::{Reply, Sent};
use crate::world::{World, has_reason, is, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What is left in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The backup instance is deleted by one DELETE.
    Deleted,
    /// Its backups are stopped, and it is there.
    Stopped,
    /// It is there as it was, and nothing was asked of Azure; the event has this reason.
    Untouched(&'static str),
    /// It is not there, and the operator has not deleted it.
    Nothing,
    /// The object stays, and says what helps.
    Held,
}

const STOPPED_ALREADY: End = End::Untouched("Stopped");
const NOT_OURS: End = End::Untouched("Retained");

/// What becomes of it with the policies Delete and StopProtection. With Retain the object goes at once, always.
const TABLE: [(Situation, End, End); 24] = [
    (Situation::Shows("ProtectionConfigured"), End::Deleted, End::Stopped),
    (Situation::Shows("ProtectionError"), End::Deleted, End::Stopped),
    (Situation::Shows("ConfiguringProtectionFailed"), End::Deleted, STOPPED_ALREADY),
    (Situation::Shows("NotProtected"), End::Deleted, STOPPED_ALREADY),
    (Situation::Shows("Invalid"), End::Deleted, STOPPED_ALREADY),
    (Situation::Shows("ProtectionStopped"), End::Deleted, STOPPED_ALREADY),
    (Situation::Shows("BackupsSuspended"), End::Deleted, End::Stopped),
    (Situation::Shows("BackupSchedulesSuspended"), End::Deleted, End::Stopped),
    (Situation::Shows("RetentionSchedulesSuspended"), End::Deleted, End::Stopped),
    (Situation::Shows("SoftDeleted"), End::Untouched("NothingToDelete"), End::Untouched("NothingToDelete")),
    // Azure refuses to stop what it does not know to be running.
    (Situation::Shows("SomethingNew"), End::Deleted, End::Held),
    (Situation::Shows(""), End::Deleted, End::Held),
    // Whatever Azure is at, it does not end in these worlds.
    (Situation::Shows("UpdatingProtection"), End::Deleted, End::Held),
    (Situation::Shows("SoftDeleting"), End::Held, End::Held),
    (Situation::Validating, End::Nothing, End::Nothing),
    (Situation::Creating, End::Deleted, End::Stopped),
    (Situation::Changing, End::Deleted, End::Stopped),
    (Situation::StrangerStops, End::Deleted, STOPPED_ALREADY),
    (Situation::StrangerDeletes, End::Nothing, End::Nothing),
    (Situation::StrangerHasDeleted, End::Nothing, End::Nothing),
    (Situation::NeverCreated, End::Nothing, End::Nothing),
    (Situation::VaultGone, End::Nothing, End::Nothing),
    (Situation::OfAnother, NOT_OURS, NOT_OURS),
    (Situation::OfAnotherDatabase, NOT_OURS, NOT_OURS),
];

fn last_event(world: &World) -> String {
    world.kubernetes.events().pop().and_then(|event| event.reason).unwrap()
}

/// What the operator has asked of Azure since then, and Azure has accepted.
fn accepted(world: &World, position: usize) -> Vec<Call> {
    let is_accepted = |sent: &Sent| sent.call.writes_azure() && sent.answer.is_some_and(|status| status < 300);
    world.wire.since(position).into_iter().filter(is_accepted).map(|sent| sent.call).collect()
}

async fn expect_end(situation: Situation, policy: DeletionPolicy, end: End) {
    let world = situation.prepare(policy).await;
    let before: Vec<_> = world.azure.instances().into_iter().map(|instance| (instance.state, instance.tags)).collect();
    let position = world.wire.position();
    world.kubernetes.delete("orders");
    world.pass(2 * HOUR).await;

    let what = format!("{situation:?} {policy:?}\n{}", world.wire);
    let object = world.kubernetes.get("orders");
    assert_eq!(object.is_some(), end == End::Held, "{what}");
    let (asked, after) = (accepted(&world, position), world.azure.instances());
    match end {
        End::Deleted => {
            assert_eq!((asked, after.len()), (vec![Delete], 0), "{what}");
            assert_eq!(last_event(&world), "Deleted", "{what}");
        }
        End::Stopped => {
            assert!(asked == [Stop] || asked == [Resume, Stop], "{what}");
            assert_eq!(after[0].state, ProtectionState::ProtectionStopped, "{what}");
            assert_eq!(last_event(&world), "Stopped", "{what}");
        }
        End::Untouched(event) => {
            assert_eq!(asked, [], "{what}");
            assert_eq!(last_event(&world), event, "{what}");
            if !matches!(situation, Situation::StrangerStops) {
                let after: Vec<_> = after.into_iter().map(|instance| (instance.state, instance.tags)).collect();
                assert_eq!(after, before, "{what}");
            }
        }
        End::Nothing => {
            assert_eq!(asked, [], "{what}");
            assert_eq!(last_event(&world), "NothingToDelete", "{what}");
        }
        End::Held => {
            let object = object.unwrap();
            assert!(is(&object, ConditionType::Stalled) && message(&object).len() > 40, "{what}");
            // It can be let go all the same.
            world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
            world.gone("orders").await;
            assert_eq!(accepted(&world, position), [], "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn delete_deletes_what_is_ours_and_there() {
    for (situation, end, _) in TABLE {
        expect_end(situation, DeletionPolicy::Delete, end).await;
    }
    expect_end(Situation::GroupGone, DeletionPolicy::Delete, End::Nothing).await;
}

#[tokio::test(start_paused = true)]
async fn stop_protection_stops_what_runs_and_deletes_nothing() {
    for (situation, _, end) in TABLE {
        expect_end(situation, DeletionPolicy::StopProtection, end).await;
    }
    expect_end(Situation::GroupGone, DeletionPolicy::StopProtection, End::Nothing).await;
}

#[tokio::test(start_paused = true)]
async fn retain_lets_go_at_once_and_asks_nothing_of_azure() {
    for (situation, _, _) in TABLE.into_iter().chain([(Situation::GroupGone, End::Nothing, End::Nothing)]) {
        let world = situation.prepare(DeletionPolicy::Retain).await;
        let position = world.wire.position();
        world.kubernetes.delete("orders");
        assert!(world.kubernetes.get("orders").is_none(), "{situation:?}");
        world.pass(2 * HOUR).await;
        let since = world.wire.since(position);
        assert!(since.iter().all(|sent| !sent.call.is_azure()), "{situation:?}\n{}", world.wire);
    }
}

/// A protected `orders` that is being deleted, which Azure refuses with this.
async fn refused(policy: DeletionPolicy, code: &str) -> World {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = policy);
    world.pass(MINUTE).await;
    for call in [Delete, Stop] {
        world.wire.disturb_all(call, Reply::error(400, code));
    }
    world.kubernetes.delete("orders");
    world.stalled("orders", Reason::RequestRefused).await;
    world
}

#[tokio::test(start_paused = true)]
async fn the_policy_can_be_changed_while_the_deletion_is_refused() {
    for (from, to, event) in [
        (DeletionPolicy::Delete, DeletionPolicy::Retain, "Retained"),
        (DeletionPolicy::StopProtection, DeletionPolicy::Retain, "Retained"),
        (DeletionPolicy::Delete, DeletionPolicy::StopProtection, "Stopped"),
        (DeletionPolicy::StopProtection, DeletionPolicy::Delete, "Deleted"),
    ] {
        let world = refused(from, "UserErrorSomethingNew").await;
        let position = world.wire.position();
        if to != DeletionPolicy::Retain {
            world.wire.calm();
        }
        world.kubernetes.edit("orders", |spec| spec.deletion_policy = to);
        let edited = world.elapsed();
        world.gone("orders").await;
        assert!(world.elapsed() - edited < 5 * MINUTE, "{from:?} {to:?}\n{}", world.wire);
        let expected = match to {
            DeletionPolicy::Delete => vec![Delete],
            DeletionPolicy::StopProtection => vec![Stop],
            DeletionPolicy::Retain => vec![],
        };
        assert_eq!(accepted(&world, position), expected, "{from:?} {to:?}\n{}", world.wire);
        assert_eq!(last_event(&world), event);
    }
}

#[tokio::test(start_paused = true)]
async fn stop_protection_that_comes_after_the_delete_was_accepted_is_not_claimed() {
    let world = World::protected().await;
    world.kubernetes.delete("orders");
    world.sent(|sent| sent.call == Delete && sent.answer == Some(202), 1).await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::StopProtection);
    world.gone("orders").await;
    assert_eq!((world.azure.instances().len(), world.wire.of(Stop).len()), (0, 0));
    assert_eq!(last_event(&world), "Deleted");
}

#[tokio::test(start_paused = true)]
async fn delete_that_is_asked_for_while_the_backups_are_being_stopped_is_carried_out_after_that() {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::StopProtection);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    world.sent(|sent| sent.call == Stop && sent.answer == Some(202), 1).await;
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Delete);
    world.gone("orders").await;
    assert_eq!((world.azure.instances().len(), world.wire.of(Delete).len()), (0, 1), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_change_and_a_deletion_at_once_end_in_the_deletion() {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.sent(|sent| sent.call == ValidateChange, 1).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.pass(HOUR).await;
    assert_eq!((world.azure.instances().len(), world.wire.of(Put).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_deleted_the_object_says_so_and_is_never_ready() {
    let world = World::protected().await;
    world.kubernetes.delete("orders");
    let deleting =
        |object: &PostgresBackup| is(object, ConditionType::Deleting) && has_reason(object, Reason::Deleting);
    let object = world.until("orders", "deleting", deleting).await;
    let conditions = status(&object).conditions;
    let condition = conditions::find(&conditions, ConditionType::Deleting).unwrap();
    assert!(condition.message.contains("orders-orders-"), "{}", condition.message);
    assert_eq!(world.azure.send(Method::GET, &world.azure.instance().id.to_string(), &Value::Null).0, 200);
    world.gone("orders").await;
}
