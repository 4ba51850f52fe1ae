//! Azure is slow, busy, down or limits the rate: the operator waits as long as it should, and says no more than is true.

use std::time::Duration;

use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{PostgresBackup, Reason};

use crate::azure::{LATENCY, SERVERS, server_id};
use crate::samples;
use crate::wire::Call::{ApplyStatus, GetInstance, GetVault, Poll, Put, Validate};
use crate::wire::{Call, Fault, Reply, Sent};
use crate::world::{World, is, status};

const MINUTE: Duration = Duration::from_secs(60);

/// When an object that is not there yet counts as stalled.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

fn creating() -> World {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world
}

async fn protected() -> World {
    let world = creating();
    world.ready("orders").await;
    world.pass(MINUTE).await;
    world
}

/// The time from the answer to a request to the next request to Azure.
fn pause_after(world: &World, wanted: impl Fn(&Sent) -> bool) -> Duration {
    let sent: Vec<_> = world.wire.sent().into_iter().filter(|sent| sent.call.is_azure()).collect();
    let answered = sent.iter().find(|sent| wanted(sent)).unwrap().at + LATENCY / 2;
    sent.iter().find(|sent| sent.at > answered).unwrap().at - answered
}

fn is_throttled(sent: &Sent) -> bool {
    matches!(&sent.fault, Some(Fault::Answer(reply)) if reply.status == 429)
}

#[tokio::test(start_paused = true)]
async fn throttling_pauses_everything_for_exactly_as_long_as_azure_says() {
    for call in [GetVault, GetInstance, Validate, Poll, Put] {
        let world = creating();
        world.wire.disturb(call, 1, Reply::error(429, "TooManyRequests").retry_after(77));
        world.kubernetes.create(&samples::flexible("billing"));
        world.ready("orders").await;
        world.ready("billing").await;
        let pause = pause_after(&world, is_throttled);
        assert!((77.0..78.0).contains(&pause.as_secs_f64()), "{call:?} {pause:?}\n{}", world.wire);
        assert_eq!(world.wire.of(Put).iter().filter(|sent| sent.answer == Some(201)).count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_met_with_growing_pauses_up_to_a_minute() {
    for status in [500, 502, 503, 504] {
        let world = creating();
        world.wire.disturb_all(GetInstance, Reply::error(status, ""));
        let object = world.reconciling("orders", Reason::AzureUnavailable).await;
        assert_eq!(object.status.unwrap().issues.len(), 1);
        world.pass(20 * MINUTE).await;
        let looks = world.wire.of(GetInstance);
        let gaps: Vec<_> = looks.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect();
        assert!(gaps[1] < 4.0, "{gaps:?}");
        assert!(gaps[4] > 10.0 && gaps[7..].iter().all(|gap| (50.0..70.0).contains(gap)), "{gaps:?}");
        assert_eq!(world.wire.of(ApplyStatus).len(), 1, "{}", world.wire);
        world.wire.calm();
        world.ready("orders").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_azure_that_never_answers_holds_nobody_up_for_long() {
    let world = creating();
    world.wire.disturb_all(GetInstance, Fault::Delay(Duration::from_secs(3600)));
    world.reconciling("orders", Reason::AzureUnavailable).await;
    world.wire.calm();
    world.ready("orders").await;
    assert!(world.elapsed() < 10 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once() {
    let world = protected().await;
    world.azure.revoke_tokens();
    let before = world.wire.position();
    world.pass(15 * MINUTE).await;
    let since = world.wire.since(before).into_iter().filter(|sent| sent.call.is_azure());
    let answers: Vec<_> = since.map(|sent| (sent.call, sent.answer)).collect();
    assert_eq!(answers[..2], [(GetInstance, Some(401)), (GetInstance, Some(200))]);
    assert_eq!(world.kubernetes.history("orders").len(), world.wire.of(ApplyStatus).len() + 2, "it flipped");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_token_is_refused_is_sent_again_in_the_next_pass() {
    let world = creating();
    world.wire.disturb(Put, 1, Reply::error(401, "InvalidAuthenticationToken"));
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_protected_object_stays_ready_while_azure_cannot_be_read_until_the_deadline() {
    let faults =
        [Fault::Refuse, Fault::LoseAnswer, Reply::error(503, "").into(), Fault::Delay(Duration::from_secs(3600))];
    for fault in faults {
        let world = protected().await;
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
    let world = protected().await;
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
async fn another_operation_is_waited_for() {
    let world = protected().await;
    world.wire.disturb(Put, 1, Reply::error(409, "AnotherOperationInProgress").retry_after(45));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.reconciling("orders", Reason::AzureBusy).await;
    world.ready("orders").await;
    let puts = world.wire.of(Put);
    assert!((45.0..47.0).contains(&(puts[2].at - puts[1].at).as_secs_f64()), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn transition_times_tell_since_when() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    let since = |object: &PostgresBackup, type_| {
        let conditions = status(object).conditions;
        conditions::find(&conditions, type_).map(|condition| condition.last_transition_time.0)
    };
    let first = world.reconciling("orders", Reason::Validating).await;
    let troubled = world.reconciling("orders", Reason::MissingPermissions).await;
    assert_eq!(since(&first, ConditionType::Reconciling), since(&troubled, ConditionType::Reconciling));
    assert_eq!(since(&first, ConditionType::Ready), since(&troubled, ConditionType::Ready));
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_breaks_is_explained_and_heals() {
    let world = creating();
    world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
    world.azure.revoke(SERVERS);
    let object = world.reconciling("orders", Reason::ProtectionError).await;
    let issue = &status(&object).issues[0];
    assert_eq!(issue.code, "UserErrorMissingRequiredPermissions");
    assert!(issue.detail.as_ref().is_some_and(|detail| detail.contains("does not have authorization")));
    assert_eq!(status(&object).backup_instance.unwrap().protection_state.as_deref(), Some("ProtectionError"));
    let writes = world.kubernetes.history("orders").len();
    world.pass(20 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes);
    assert_eq!(world.wire.count(|call: Call| call == Put), 1);
}
