//! Azure is slow, busy, down or limits the rate: the operator waits as long as it should, and says no more than is true.

use std::time::Duration;

use azure_emulator::Removal;
use http::Method;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{PostgresBackup, Reason};
use postgres_backup_operator::azure::ProtectionState;
use serde_json::{Value, json};

use crate::azure::{LATENCY, SERVERS};
use crate::samples;
use crate::wire::Call::{ApplyStatus, GetInstance, GetVault, Poll, Put, Validate};
use crate::wire::{Call, Fault, Reply, Sent};
use crate::world::{World, is, reason, status};

const MINUTE: Duration = Duration::from_secs(60);

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
        let world = World::creating();
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
        let world = World::creating();
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
    let world = World::creating();
    world.wire.disturb_all(GetInstance, Fault::Delay(Duration::from_secs(3600)));
    world.reconciling("orders", Reason::AzureUnavailable).await;
    world.wire.calm();
    world.ready("orders").await;
    assert!(world.elapsed() < 10 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once() {
    let world = World::protected().await;
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
    let world = World::creating();
    world.wire.disturb(Put, 1, Reply::error(401, "InvalidAuthenticationToken"));
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_operation_is_waited_for() {
    let world = World::protected().await;
    world.wire.disturb(Put, 1, Reply::error(409, "AnotherOperationInProgress").retry_after(45));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.reconciling("orders", Reason::AzureBusy).await;
    world.ready("orders").await;
    let puts = world.wire.of(Put);
    assert!((45.0..47.0).contains(&(puts[2].at - puts[1].at).as_secs_f64()), "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_cannot_be_looked_at_is_judged_by_the_backup_instance() {
    for status in [403, 404, 500] {
        let world = World::creating();
        world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
        world.wire.disturb_all(Poll, Reply::error(status, ""));
        world.ready("orders").await;
        assert!(world.elapsed() < 20 * MINUTE, "{status} {:?}", world.elapsed());
        assert_eq!(world.wire.of(Put).len(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_of_the_past_is_no_longer_shown() {
    let world = World::creating();
    world.wire.disturb_all(GetVault, Reply::error(503, ""));
    world.reconciling("orders", Reason::AzureUnavailable).await;
    world.wire.calm();
    world.sent(|sent| sent.call == Validate && sent.answer.is_some(), 1).await;
    world.pass(Duration::from_secs(1)).await;
    let object = world.kubernetes.get("orders").unwrap();
    assert_eq!((reason(&object).as_str(), status(&object).issues), ("Validating", vec![]));
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
    let world = World::creating();
    world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
    world.azure.revoke(SERVERS);
    let object = world.reconciling("orders", Reason::ProtectionError).await;
    let issue = &status(&object).issues[0];
    assert_eq!(issue.code, "UserErrorMissingRequiredPermissions");
    assert!(issue.detail.as_ref().is_some_and(|detail| detail.contains("does not have authorization")));
    assert_eq!(status(&object).backup_instance.unwrap().protection_state.as_deref(), Some("ProtectionError"));
    let writes = world.kubernetes.history("orders").len();
    world.pass(20 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "retries write nothing");
    let syncs = world.wire.count(|call: Call| call == Call::Sync);
    assert!((10..60).contains(&syncs), "{syncs} in 20 minutes");

    world.azure.grant(SERVERS);
    world.ready("orders").await;
    assert_eq!(world.wire.count(|call: Call| call == Put), 1);
    assert_eq!(world.kubernetes.history("orders").len(), writes + 1);
}

#[tokio::test(start_paused = true)]
async fn only_one_state_means_protected() {
    let known = ProtectionState::KNOWN.iter().filter(|state| **state != ProtectionState::ProtectionConfigured);
    let states = known.map(ProtectionState::as_str).chain(["SomethingNew", ""]);
    for state in states {
        let world = World::protected().await;
        let (_, mut body) = world.azure.send(Method::GET, &world.azure.instance().id.to_string(), &Value::Null);
        body["properties"]["currentProtectionState"] = json!(state);
        body["properties"]["protectionStatus"] = json!({ "status": state });
        world.wire.disturb_all(GetInstance, Reply::ok(body));
        let looked = world.wire.of(GetInstance).len();
        world.sent(|sent| sent.call == GetInstance, looked + 1).await;
        world.pass(Duration::from_secs(1)).await;
        let object = world.kubernetes.get("orders").unwrap();
        assert!(!is(&object, ConditionType::Ready) && !is(&object, ConditionType::Protected), "{state}");
        assert_eq!(world.wire.of(Call::Delete).len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_is_never_accepted_is_not_built_anew_all_the_time() {
    let world = World::protected().await;
    world.wire.disturb_all(GetInstance, Reply::error(401, "InvalidAuthenticationToken"));
    world.pass(15 * MINUTE).await;
    let (built, asked) = (world.azure.identities_built(), world.wire.of(GetInstance).len());
    world.pass(60 * MINUTE).await;
    assert!(world.azure.identities_built() - built <= 120, "{} identities", world.azure.identities_built() - built);
    assert!(world.wire.of(GetInstance).len() - asked <= 150, "{}", world.wire);
    world.wire.calm();
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_the_operator_lacks_is_named_and_waited_for() {
    for call in [GetVault, GetInstance, Validate, Put] {
        let world = World::creating();
        world.wire.disturb_all(call, Reply::error(403, "AuthorizationFailed"));
        let object = world.reconciling("orders", Reason::NotAuthorized).await;
        assert_eq!(status(&object).issues[0].code, "AuthorizationFailed", "{call:?}");
        world.pass(5 * MINUTE).await;
        world.wire.calm();
        world.ready("orders").await;
        assert_eq!(world.azure.instances().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_seen_to_be_gone_is_not_ready_whatever_else_cannot_be_read() {
    for call in [Call::GetDeleted, Call::ListInstances] {
        let world = World::protected().await;
        let path = world.azure.instance().id;
        world.azure.in_portal(|azure| azure.delete_in_portal(&path, Removal::Soft));
        world.wire.disturb_all(call, Reply::error(503, "ServerBusy"));
        world.pass(15 * MINUTE).await;
        let object = world.kubernetes.get("orders").unwrap();
        assert!(!is(&object, ConditionType::Ready) && !is(&object, ConditionType::Protected), "{call:?} {object:#?}");
        world.wire.calm();
        world.ready("orders").await;
    }
}
