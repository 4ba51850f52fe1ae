//! An object that the operator cannot read, or fails on: nobody else feels it, and everybody can see it.

use std::time::Duration;

use kube::ResourceExt;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{FINALIZER, Reason};
use serde_json::{Value, json};

use crate::samples;
use crate::wire::Call::{ApplyStatus, Delete, GetInstance, GetVault, PatchFinalizers, Poll, Put, Validate};
use crate::wire::Fault;
use crate::world::{World, has_reason, is, message, status};

const MINUTE: Duration = Duration::from_secs(60);
const PANICS: &str = "controller_runtime_reconcile_panics_total";
const ERRORS: &str = "controller_runtime_reconcile_errors_total";

/// The name of the backup instance of a sample object, as it is in requests.
async fn instance_of(object: &str) -> String {
    let world = World::start();
    world.kubernetes.create(&samples::flexible(object));
    let object = world.ready(object).await;
    status(&object).backup_instance.unwrap().name
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_panics_is_told_on_its_object_and_harms_no_other() {
    let poisoned = instance_of("billing").await;
    let world = World::start();
    world.wire.disturb_about(GetInstance, &poisoned, Fault::Panic);
    for name in ["billing", "orders", "fleet-00"] {
        world.kubernetes.create(&samples::flexible(name));
    }
    world.ready("orders").await;
    world.ready("fleet-00").await;
    let object = world.reconciling("billing", Reason::PassFailed).await;
    assert!(message(&object).contains("defect"), "{}", message(&object));
    assert_eq!(world.kubernetes.told(Reason::PassFailed).len(), 1);
    assert!(world.gauges.read(PANICS) >= 1.0);

    world.pass(20 * MINUTE).await;
    let looks = world.wire.of(GetInstance).iter().filter(|sent| sent.about == poisoned).count();
    assert!(looks <= 40, "a pass that panics is tried again at the pace of any other trouble, not {looks} times");
    assert_eq!(world.wire.of(Put).len(), 2, "nothing is sent for what cannot be looked at");
    assert_eq!(world.kubernetes.told(Reason::PassFailed).len(), 1, "it is said once");
    world.stalled("billing", Reason::PassFailed).await;

    world.wire.calm();
    world.ready("billing").await;
    assert_eq!(world.azure.instances().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_panic_at_any_request_leaves_one_backup_instance() {
    for call in [GetVault, Validate, Poll, Put, ApplyStatus] {
        let world = World::start();
        world.wire.disturb(call, 1, Fault::Panic);
        world.kubernetes.create(&samples::flexible("orders"));
        world.ready("orders").await;
        assert_eq!(world.azure.instances().len(), 1, "{call:?}\n{}", world.wire);
        assert!(world.wire.of(Put).len() <= 2, "{call:?}\n{}", world.wire);
        assert_eq!(world.wire.panics(), 1, "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_object_is_not_called_broken_for_one_panic_but_for_several() {
    let world = World::protected().await;
    world.wire.disturb(GetInstance, 1, Fault::Panic);
    world.pass(12 * MINUTE).await;
    assert_eq!(world.wire.panics(), 1);
    let turns = world.kubernetes.history("orders").len();

    world.wire.disturb_all(GetInstance, Fault::Panic);
    let object = world.reconciling("orders", Reason::PassFailed).await;
    assert_eq!(world.wire.panics(), 1 + 4);
    assert!(is(&object, ConditionType::Protected), "what Azure last said is still what Azure last said");
    assert_eq!(world.kubernetes.history("orders").len(), turns + 1);
    world.wire.calm();
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_panics_waits_and_says_the_way_out() {
    let world = World::protected().await;
    world.wire.disturb_all(GetInstance, Fault::Panic);
    world.kubernetes.delete("orders");
    let deleting = |object: &_| has_reason(object, Reason::PassFailed) && is(object, ConditionType::Deleting);
    let object = world.until("orders", "told to be stuck", deleting).await;
    assert!(message(&object).contains("deletionPolicy to Retain"), "{}", message(&object));
    assert_eq!(world.wire.of(Delete).len(), 0);
    world.wire.calm();
    world.gone("orders").await;
    assert_eq!(world.wire.of(Delete).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_takes_too_long_is_given_up() {
    for call in [PatchFinalizers, ApplyStatus] {
        let world = World::creating();
        world.wire.disturb(call, 1, Fault::Delay(60 * MINUTE));
        world.ready("orders").await;
        assert!(world.elapsed() < 10 * MINUTE, "{call:?} {:?}", world.elapsed());
        world.pass(Duration::from_secs(5)).await;
        assert_eq!(world.gauges.read(ERRORS), 1.0, "{call:?}");
        assert!(world.gauges.read("controller_runtime_active_workers") < 1.0, "{call:?}: the slot is free again");
        assert_eq!(world.azure.instances().len(), 1);
    }
}

/// `billing`, as a later CustomResourceDefinition might let it in.
fn unreadable() -> Value {
    let mut object = serde_json::to_value(samples::flexible("billing")).unwrap();
    object["spec"]["mode"] = json!("Bewitch");
    object["metadata"]["finalizers"] = json!([FINALIZER]);
    object
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_is_left_alone_and_told_of_in_an_event() {
    let world = World::start();
    world.kubernetes.create_raw(unreadable());
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.pass(60 * MINUTE).await;
    let told = world.kubernetes.told(Reason::Unreadable);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Bewitch") && told[0].contains("CustomResourceDefinition"), "{told:?}");
    assert!(world.gauges.read(ERRORS) >= 1.0);
    assert_eq!(world.azure.instances().len(), 1, "nothing is done for it in Azure");

    world.kubernetes.amend_raw("billing", |object| object["spec"]["mode"] = json!("Enforce"));
    let object = world.ready("billing").await;
    assert!(object.finalizers().contains(&FINALIZER.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_becomes_unreadable_keeps_its_backup_even_when_it_is_deleted() {
    let world = World::protected().await;
    world.kubernetes.amend_raw("orders", |object| object["spec"]["deletionPolicy"] = json!("Vanish"));
    world.pass(MINUTE).await;
    world.kubernetes.delete("orders");
    world.pass(60 * MINUTE).await;
    assert_eq!((world.wire.of(Delete).len(), world.azure.instances().len()), (0, 1));
    assert!(!world.kubernetes.told(Reason::Unreadable).is_empty());

    world.kubernetes.amend_raw("orders", |object| object["spec"]["deletionPolicy"] = json!("Retain"));
    world.gone("orders").await;
    assert_eq!(world.azure.instances().len(), 1);
}
