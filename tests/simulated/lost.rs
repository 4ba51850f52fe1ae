//! Answers and requests that are lost on the way: nothing is sent twice that may have had its effect, and nothing is
//! forgotten.

use std::time::Duration;

use postgres_backup_operator::api::Reason;

use crate::wire::Call::{ApplyStatus, Delete, PatchFinalizers, Poll, Put, Validate};
use crate::wire::{Call, Fault, Reply};
use crate::world::{World, status};

const MINUTE: Duration = Duration::from_secs(60);

/// How long a request whose outcome is unknown may still take effect.
const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

/// The times between the requests of a kind.
fn gaps(world: &World, call: Call) -> Vec<Duration> {
    world.wire.of(call).windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_is_not_sent_again() {
    let lost = [
        Fault::LoseAnswer,
        Fault::Delay(Duration::from_secs(90)),
        Fault::Delay(Duration::from_secs(10 * 60)),
        Fault::ArriveLate(Duration::from_secs(2)),
        Fault::ArriveLate(Duration::from_secs(100)),
        Fault::ArriveLate(Duration::from_secs(4 * 60)),
    ];
    for fault in lost {
        let world = World::creating();
        world.wire.disturb(Put, 1, fault.clone());
        world.ready("orders").await;
        world.pass(30 * MINUTE).await;
        assert_eq!(world.wire.of(Put).len(), 1, "{fault:?}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_lost_is_sent_again_only_once_that_is_certain() {
    for fault in
        [Fault::LoseRequest, Reply::error(504, "GatewayTimeout").into(), Reply::error(408, "RequestTimeout").into()]
    {
        let world = World::creating();
        world.wire.disturb(Put, 1, fault.clone());
        world.reconciling("orders", Reason::AwaitingOutcome).await;
        world.ready("orders").await;
        let gaps = gaps(&world, Put);
        assert!(gaps.len() == 1 && gaps[0] >= UNCERTAINTY && gaps[0] < UNCERTAINTY + MINUTE, "{fault:?} {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_certainly_was_not_sent_is_sent_again_soon() {
    for fault in [Fault::Refuse, Reply::error(503, "ServerBusy").into(), Reply::error(500, "CloudInternalError").into()]
    {
        let world = World::creating();
        world.wire.disturb(Put, 1, fault.clone());
        world.ready("orders").await;
        let gaps = gaps(&world, Put);
        assert!(gaps.len() == 1 && gaps[0] < Duration::from_secs(5), "{fault:?} {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_while_its_create_is_uncertain_leaves_no_orphan() {
    for late in [1, 30, 90, 299] {
        for deleted_after in [0, 10, 100] {
            let world = World::creating();
            world.wire.disturb(Put, 1, Fault::ArriveLate(Duration::from_secs(late)));
            world.sent(|sent| sent.call == Put, 1).await;
            world.pass(Duration::from_secs(deleted_after)).await;
            world.kubernetes.delete("orders");
            world.gone("orders").await;
            world.pass(20 * MINUTE).await;
            assert_eq!(world.azure.instances().len(), 0, "{late} {deleted_after}\n{}", world.wire);
            assert_eq!(world.wire.of(Delete).len(), 1, "{late} {deleted_after}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_deleted_after_its_create_was_lost_goes_once_that_is_certain() {
    let world = World::creating();
    world.wire.disturb(Put, 1, Fault::LoseRequest);
    world.sent(|sent| sent.call == Put, 1).await;
    let lost_at = world.elapsed();
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert!(world.elapsed() - lost_at >= UNCERTAINTY - MINUTE / 30, "{}", world.wire);
    assert_eq!(world.wire.of(Delete).len(), 0);
    assert_eq!(world.wire.of(Put).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_dies_while_a_create_is_uncertain_goes_on_waiting() {
    let world = World::creating();
    world.wire.disturb(Put, 1, Fault::ArriveLate(Duration::from_secs(200)));
    world.sent(|sent| sent.call == Put, 1).await;
    world.pass(Duration::from_secs(20)).await;
    world.wire.disturb(Call::GetInstance, 1, Fault::CrashAfter);
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 1, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_lost_is_sent_again_and_one_whose_answer_is_lost_is_not() {
    for (fault, puts) in [(Fault::LoseAnswer, 2), (Fault::LoseRequest, 3), (Fault::Refuse, 3)] {
        let world = World::protected().await;
        world.wire.disturb(Put, 1, fault.clone());
        world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        world.ready("orders").await;
        world.pass(30 * MINUTE).await;
        assert_eq!(world.wire.of(Put).len(), puts, "{fault:?}\n{}", world.wire);
        assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_lost_is_sent_again_and_one_whose_answer_is_lost_is_not() {
    for (fault, deletes) in [(Fault::LoseAnswer, 1), (Fault::LoseRequest, 2), (Fault::Refuse, 2)] {
        let world = World::protected().await;
        world.wire.disturb(Delete, 1, fault.clone());
        world.kubernetes.delete("orders");
        world.gone("orders").await;
        assert_eq!(world.wire.of(Delete).len(), deletes, "{fault:?}\n{}", world.wire);
        assert_eq!(world.azure.instances().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_is_lost_is_asked_for_again() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest, Fault::Refuse] {
        let world = World::creating();
        world.wire.disturb(Validate, 1, fault.clone());
        world.ready("orders").await;
        let gaps = gaps(&world, Validate);
        assert!(gaps.len() == 1 && gaps[0] < Duration::from_secs(5), "{fault:?} {gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_to_kubernetes_that_fails_is_made_good() {
    let faults = || {
        [
            Fault::Refuse,
            Fault::LoseRequest,
            Fault::LoseAnswer,
            Reply::error(409, "Conflict").into(),
            Reply::error(500, "InternalError").into(),
            Reply::error(429, "TooManyRequests").retry_after(3).into(),
        ]
    };
    let places = [(PatchFinalizers, 1), (ApplyStatus, 1), (ApplyStatus, 2), (ApplyStatus, 3), (Call::PublishEvent, 1)];
    for (call, occurrence) in places {
        for fault in faults() {
            let world = World::creating();
            world.wire.disturb(call, occurrence, fault.clone());
            world.ready("orders").await;
            world.pass(20 * MINUTE).await;
            assert_eq!(world.wire.of(Put).len(), 1, "{call:?} {occurrence} {fault:?}\n{}", world.wire);
            assert_eq!(world.azure.instances().len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_could_not_be_stored_is_not_acted_on() {
    let world = World::creating();
    world.reconciling("orders", Reason::Validating).await;
    world.wire.disturb_all(ApplyStatus, Reply::error(500, "InternalError"));
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.of(Put).len(), 0, "{}", world.wire);
    world.wire.calm();
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_uncertainty_counts_from_the_request_that_was_lost() {
    for first in
        [Reply::error(429, "TooManyRequests").retry_after(400), Reply::error(401, "InvalidAuthenticationToken")]
    {
        for deleted in [false, true] {
            let world = World::creating();
            world.wire.disturb_all(Put, first.clone());
            world.sent(|sent| sent.call == Put, 1).await;
            world.pass(6 * MINUTE).await;
            world.wire.calm();
            world.wire.disturb(Put, 1, Fault::ArriveLate(Duration::from_secs(200)));
            let sent = world.wire.of(Put).len();
            world.sent(|sent| sent.call == Put, sent + 1).await;
            world.pass(Duration::from_secs(20)).await;
            if deleted {
                world.kubernetes.delete("orders");
                world.gone("orders").await;
            }
            world.pass(30 * MINUTE).await;
            assert_eq!(world.wire.of(Put).len(), sent + 1, "{first:?}\n{}", world.wire);
            assert_eq!(world.azure.instances().len(), usize::from(!deleted), "{first:?}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_uncertainty_counts_from_the_request_that_was_lost_also_for_a_new_process() {
    let world = World::creating();
    world.wire.disturb(Put, 1, Reply::error(429, "TooManyRequests").retry_after(400));
    world.wire.disturb(Put, 2, Fault::ArriveLate(Duration::from_secs(200)));
    world.sent(|sent| sent.call == Put, 2).await;
    world.wire.disturb(Call::GetInstance, 1, Fault::CrashBefore);
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.pass(30 * MINUTE).await;
    assert_eq!(world.azure.instances().len(), 0, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_holds_nobody_up_for_long() {
    let hang = Fault::Delay(Duration::from_secs(24 * 3600));
    for (call, occurrence) in [(PatchFinalizers, 1), (ApplyStatus, 1), (ApplyStatus, 2), (Call::PublishEvent, 1)] {
        let world = World::creating();
        world.wire.disturb(call, occurrence, hang.clone());
        world.ready("orders").await;
        assert!(world.elapsed() < 10 * MINUTE, "{call:?} {occurrence} {:?}", world.elapsed());
        assert_eq!(world.wire.of(Put).len(), 1, "{call:?} {occurrence}\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_back_while_it_is_uncertain_does_not_come_through_later() {
    for late in [20, 200, 290] {
        let world = World::protected().await;
        world.wire.disturb(Put, 1, Fault::ArriveLate(Duration::from_secs(late)));
        world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
        world.sent(|sent| sent.call == Put, 2).await;
        world.pass(Duration::from_secs(5)).await;
        world.kubernetes.edit("orders", |spec| spec.policy.name = "weekly".to_owned());
        world.ready("orders").await;
        assert!(
            world.azure.instance().spec.policy.policy_id.to_string().ends_with("/weekly"),
            "{late}\n{}",
            world.wire
        );
        let puts = world.wire.of(Put).len();
        world.pass(60 * MINUTE).await;
        assert_eq!(world.wire.of(Put).len(), puts, "{late}: it was ready too early\n{}", world.wire);
    }
}

#[tokio::test(start_paused = true)]
async fn a_validation_that_cannot_be_found_any_more_has_not_passed() {
    let world = World::creating();
    world.wire.disturb(Poll, 1, Reply::error(404, "OperationNotFound"));
    world.ready("orders").await;
    assert_eq!((world.wire.of(Validate).len(), world.wire.of(Put).len()), (2, 1), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_cannot_be_found_any_more_has_not_failed() {
    let world = World::creating_until(Put, 1, Duration::ZERO).await;
    world.wire.disturb_all(Poll, Reply::error(404, "OperationNotFound"));
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 1, "{}", world.wire);
    let statuses = world.kubernetes.history("orders").into_iter().map(|write| status(&write.typed()));
    assert!(statuses.flat_map(|status| status.issues).next().is_none(), "it was said to have failed");
}
