//! What is not granted is not asked of Azure: not before, not any more, and not by way of somebody else.

use std::time::Duration;

use kube::ResourceExt;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::grant::{IdentitySpec, NamespacesSpec, PostgresBackupGrant, ServiceAccountSpec};
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Reason};

use crate::api_server::NAMESPACE;
use crate::samples::{self, EVERYTHING};
use crate::wire::{Call, Fault};
use crate::world::{Setup, World, is, status};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A world in which nothing is granted.
fn ungranted() -> World {
    World::with(Setup { grants: Vec::new(), ..Setup::default() })
}

/// A grant of everything with something different about it.
fn grant(name: &str, change: impl FnOnce(&mut PostgresBackupGrant)) -> PostgresBackupGrant {
    let mut grant = samples::everything();
    grant.metadata.name = Some(name.to_owned());
    change(&mut grant);
    grant
}

fn named(names: &[&str]) -> NamespacesSpec {
    NamespacesSpec { names: Some(names.iter().map(|name| (*name).to_owned()).collect()), selector: None }
}

fn message(object: &PostgresBackup) -> String {
    let conditions = status(object).conditions;
    conditions::find(&conditions, ConditionType::Ready).map(|ready| ready.message.clone()).unwrap_or_default()
}

/// Lets an hour pass, in which Azure is asked nothing.
async fn expect_silence(world: &World) {
    let before = world.wire.count(Call::is_azure);
    world.pass(HOUR).await;
    assert_eq!(world.wire.count(Call::is_azure), before, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_azure_until_it_is_granted_and_then_at_once() {
    let world = ungranted();
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.stalled("orders", Reason::NotPermitted).await;
    for wish in
        [NAMESPACE, "backupVaults/team-vault", "flexibleServers/orders", "policy weekly", "deletionPolicy Delete"]
    {
        assert!(message(&object).contains(wish), "{wish}: {}", message(&object));
    }
    assert_eq!((object.finalizers(), status(&object).grant), (&[][..], None));
    expect_silence(&world).await;

    let before = world.elapsed();
    world.kubernetes.grant(&samples::everything());
    let object = world.ready("orders").await;
    assert!(world.elapsed() - before < Duration::from_secs(10 * 60), "it is woken, not found by chance");
    assert_eq!(status(&object).grant.as_deref(), Some(EVERYTHING));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_was_never_permitted_goes_at_once() {
    let world = ungranted();
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::NotPermitted).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.wire.count(Call::is_azure), 0);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_withdrawn_freezes_what_is_protected() {
    let world = World::protected().await;
    world.kubernetes.revoke(EVERYTHING);
    let object = world.stalled("orders", Reason::NotPermitted).await;
    assert_eq!(status(&object).grant, None);
    expect_silence(&world).await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    expect_silence(&world).await;
    assert_eq!(world.azure.instances().len(), 1);

    world.kubernetes.grant(&samples::everything());
    world.ready("orders").await;
    let object = world.kubernetes.get("orders").unwrap();
    assert!(status(&object).backup_instance.unwrap().policy_id.unwrap().ends_with("/daily"));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_withdrawn_during_a_create_freezes_it() {
    for (call, later) in [
        (Call::GetVault, 0),
        (Call::Validate, 0),
        (Call::Validate, 10_000),
        (Call::ApplyStatus, 0),
        (Call::Put, 0),
        (Call::Put, 5_000),
    ] {
        let world = World::creating_until(call, 1, Duration::from_millis(later)).await;
        world.kubernetes.revoke(EVERYTHING);
        world.stalled("orders", Reason::NotPermitted).await;
        expect_silence(&world).await;
        world.kubernetes.grant(&samples::everything());
        world.ready("orders").await;
        assert_eq!(world.azure.instances().len(), 1, "{call:?} and {later} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_withdrawn_while_a_pass_looks_around_is_missed_by_what_the_pass_would_send() {
    let world = World::start();
    world.wire.disturb(Call::GetDeleted, 1, Fault::Delay(Duration::from_secs(5)));
    world.kubernetes.create(&samples::flexible("orders"));
    world.sent(|sent| sent.call == Call::GetDeleted, 1).await;
    world.kubernetes.revoke(EVERYTHING);
    world.stalled("orders", Reason::NotPermitted).await;
    assert_eq!(world.wire.count(Call::writes_azure), 0, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_a_grant_and_retain_does_not() {
    let world = World::protected().await;
    world.kubernetes.revoke(EVERYTHING);
    world.stalled("orders", Reason::NotPermitted).await;
    world.kubernetes.delete("orders");
    let object = world.until("orders", "deleting", |object| is(object, ConditionType::Deleting)).await;
    assert!(is(&object, ConditionType::Stalled) && message(&object).contains("deletionPolicy to Retain"), "{object:?}");
    expect_silence(&world).await;
    assert_eq!(world.azure.instances().len(), 1);

    let before = world.wire.count(Call::is_azure);
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.gone("orders").await;
    assert_eq!((world.wire.count(Call::is_azure), world.azure.instances().len()), (before, 1));
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_withdrawn_during_a_delete_freezes_it() {
    let world = World::protected().await;
    world.kubernetes.delete("orders");
    world.sent(|sent| sent.call == Call::Delete, 1).await;
    world.kubernetes.revoke(EVERYTHING);
    world.stalled("orders", Reason::NotPermitted).await;
    expect_silence(&world).await;
    world.kubernetes.grant(&samples::everything());
    world.gone("orders").await;
    assert_eq!((world.azure.instances().len(), world.wire.of(Call::Delete).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn labels_of_namespaces_grant_and_withdraw() {
    let world = ungranted();
    world.kubernetes.grant(&grant("team", |grant| {
        let labels = [("team".to_owned(), "a".to_owned())].into();
        grant.spec.namespaces.selector.as_mut().unwrap().match_expressions = None;
        grant.spec.namespaces.selector.as_mut().unwrap().match_labels = Some(labels);
    }));
    world.kubernetes.create(&samples::flexible("orders"));
    world.stalled("orders", Reason::NotPermitted).await;
    world.kubernetes.label_namespace(NAMESPACE, &[("team", "a")]);
    world.ready("orders").await;
    world.kubernetes.label_namespace(NAMESPACE, &[("team", "b")]);
    world.stalled("orders", Reason::NotPermitted).await;
    expect_silence(&world).await;
}

#[tokio::test(start_paused = true)]
async fn grants_with_different_identities_permit_nothing() {
    let world = World::protected().await;
    let client_id = "44444444-4444-4444-8444-44444444440a".to_owned();
    let service_account = ServiceAccountSpec { name: None, tenant_id: client_id.clone(), client_id };
    let other = grant("other", |grant| grant.spec.identity = Some(IdentitySpec { service_account }));
    world.kubernetes.grant(&other);
    let object = world.stalled("orders", Reason::GrantConflict).await;
    assert!(message(&object).contains("everything, other"), "{}", message(&object));
    expect_silence(&world).await;
    world.kubernetes.revoke("other");
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn every_part_of_a_request_has_to_be_granted() {
    let world = World::protected().await;
    let modes = |modes: &[Mode]| Some(modes.to_vec());
    type Edit = Box<dyn FnOnce(&mut postgres_backup_operator::api::PostgresBackupGrantSpec)>;
    let edits: [Edit; 5] = [
        Box::new(|spec| spec.policies = Some(vec!["daily".to_owned()])),
        Box::new(move |spec| spec.modes = modes(&[Mode::Observe])),
        Box::new(|spec| spec.deletion_policies = Some(vec![DeletionPolicy::Retain])),
        Box::new(|spec| spec.databases = vec![crate::azure::server_id("billing")]),
        Box::new(|spec| spec.vaults = vec![format!("{}-rg2", crate::azure::SERVERS)]),
    ];
    for edit in edits {
        world.kubernetes.edit_grant(EVERYTHING, edit);
        world.stalled("orders", Reason::NotPermitted).await;
        expect_silence(&world).await;
        world.kubernetes.grant(&samples::everything());
        world.ready("orders").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_changes_nothing_for_an_object_does_not_wake_it() {
    let world = World::protected().await;
    let before = world.wire.count(Call::is_azure);
    world.kubernetes.grant(&grant("other", |grant| grant.spec.namespaces = named(&["bank"])));
    world.kubernetes.label_namespace("bank", &[("team", "b")]);
    world.kubernetes.label_namespace(NAMESPACE, &[("team", "a")]);
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.wire.count(Call::is_azure), before);
}

#[tokio::test(start_paused = true)]
async fn an_object_without_a_grant_neither_holds_others_up_nor_takes_over_from_them() {
    let world = ungranted();
    let mut squatter = samples::flexible("squatter");
    squatter.metadata.namespace = Some("bank".to_owned());
    squatter.spec.database.resource_id = crate::azure::server_id("orders");
    world.kubernetes.create(&squatter);
    world.pass(Duration::from_secs(5)).await;
    world.kubernetes.grant(&grant("shop", |grant| grant.spec.namespaces = named(&[NAMESPACE])));
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;

    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!(world.azure.instances().len(), 0, "nobody has taken it over");
}

#[tokio::test(start_paused = true)]
async fn a_grant_tells_whom_it_serves_and_what_is_wrong_with_it() {
    let world = World::protected().await;
    let told = |name: &str| world.kubernetes.get_grant(name).unwrap().status.unwrap_or_default();
    let ready = |name: &str| {
        let conditions = told(name).conditions;
        conditions::find(&conditions, ConditionType::Ready).map(|ready| (ready.status.clone(), ready.reason.clone()))
    };
    let word = |status: &str, reason: Reason| Some((status.to_owned(), reason.as_str().to_owned()));
    assert_eq!((told(EVERYTHING).objects, told(EVERYTHING).observed_generation), (1, 1));
    assert_eq!(ready(EVERYTHING), word("True", Reason::InEffect));

    let writes = world.kubernetes.grant_writes(EVERYTHING);
    world.pass(24 * HOUR).await;
    assert_eq!(world.kubernetes.grant_writes(EVERYTHING), writes, "only changes are told");
    for name in ["billing", "fleet-00", "fleet-01"] {
        world.kubernetes.create(&samples::flexible(name));
    }
    world.ready("fleet-01").await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(told(EVERYTHING).objects, 4);
    assert!(world.kubernetes.grant_writes(EVERYTHING) <= writes + 2, "changes that come together are told together");

    world.kubernetes.delete("billing");
    world.gone("billing").await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(told(EVERYTHING).objects, 3);

    world.kubernetes.grant(&grant("empty", |grant| grant.spec.namespaces = NamespacesSpec::default()));
    world.kubernetes.grant(&grant("wrong", |grant| grant.spec.vaults.push("/subscriptions/..".to_owned())));
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(ready("empty"), word("False", Reason::MatchesNothing));
    assert_eq!(ready("wrong"), word("False", Reason::InvalidSpec));
    let stalled = |name: &str| conditions::is_true(&told(name).conditions, ConditionType::Stalled);
    assert!(stalled("empty") && stalled("wrong") && !stalled(EVERYTHING));

    world.kubernetes.edit_grant("empty", |spec| spec.namespaces = named(&["bank"]));
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((ready("empty"), stalled("empty")), (word("True", Reason::InEffect), false));
}
