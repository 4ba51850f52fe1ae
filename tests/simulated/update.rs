//! A backup instance that differs from the specification is brought to it, and to nothing else.

use std::time::Duration;

use azure_emulator::Kind;
use http::Method;
use postgres_backup_operator::api::v1alpha1::KeyVaultSecretSpec;
use postgres_backup_operator::api::{PostgresBackup, Reason};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::{Value, json};

use crate::azure::{USER_ASSIGNED, VAULT};
use crate::samples;
use crate::wire::Call;
use crate::wire::Call::{ApplyStatus, GetInstance, Put, ValidateChange};
use crate::world::{Setup, World, reason, status};

const MINUTE: Duration = Duration::from_secs(60);

fn choose(world: &World, policy: &str) {
    world.kubernetes.edit("orders", |spec| spec.policy.name = policy.to_owned());
}

fn policy(world: &World) -> String {
    world.azure.instance().spec.policy.policy_id.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_changed_policy_is_one_put() {
    let world = World::protected().await;
    let before = world.wire.steps().len();
    choose(&world, "daily");
    let object = world.ready("orders").await;

    let steps = [GetInstance, ValidateChange, ApplyStatus, GetInstance, ApplyStatus, Put, GetInstance, ApplyStatus];
    assert_eq!(world.wire.steps()[before..], steps);
    assert_eq!(policy(&world), format!("{VAULT}/backupPolicies/daily"));
    assert_eq!(status(&object).backup_instance.unwrap().policy_id, Some(policy(&world)));
    world.pass(60 * MINUTE).await;
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_still_shows_the_old_policy_does_not_confuse() {
    let world = World::protected().await;
    choose(&world, "daily");
    world.ready("orders").await;

    let states = world.kubernetes.history("orders").into_iter().rev().map(|write| write.typed());
    let policies: Vec<_> =
        states.take(2).map(|object| status(&object).backup_instance.unwrap().policy_id.unwrap()).collect();
    assert!(policies[0].ends_with("/daily") && policies[1].ends_with("/weekly"), "{policies:?}");
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_put_keeps_what_others_have_set() {
    let world = World::protected().await;
    world
        .meddle(|body| {
            body["tags"]["costCenter"] = json!("4711");
            body["properties"]["friendlyName"] = json!("Orders, EU");
            body["properties"]["policyInfo"]["policyParameters"] = json!({ "backupDatasourceParametersList": [] });
        })
        .await;
    choose(&world, "daily");
    world.ready("orders").await;

    let instance = world.azure.instance();
    assert_eq!(instance.tags["costCenter"], "4711");
    assert_eq!(instance.friendly_name(), "Orders, EU");
    assert!(instance.spec.policy.policy_parameters.is_some());
    assert!(policy(&world).ends_with("/daily"));
    let body = world.azure.received(Kind::PutInstance).pop().unwrap().request_body.unwrap();
    for read_only in ["provisioningState", "currentProtectionState", "protectionStatus"] {
        assert!(body["properties"][read_only].is_null(), "{read_only} was sent");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_have_changed_is_changed_back_at_the_next_look() {
    let world = World::protected().await;
    world
        .meddle(|body| body["properties"]["policyInfo"]["policyId"] = json!(format!("{VAULT}/backupPolicies/daily")))
        .await;
    assert!(policy(&world).ends_with("/daily"));
    let object = world.reconciling("orders", Reason::Updating).await;
    assert_eq!(status(&object).drift[0].field, "policy.name");

    world.ready("orders").await;
    assert!(policy(&world).ends_with("/weekly"));
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_owner_tag_that_was_removed_is_put_back() {
    let world = World::protected().await;
    world.meddle(|body| body["tags"] = json!({})).await;
    world.reconciling("orders", Reason::Updating).await;
    world.ready("orders").await;
    assert!(world.azure.instance().tags.contains_key("pgbackup-owner"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_does_not_exist_yet_is_waited_for_under_the_old_one() {
    let world = World::protected().await;
    choose(&world, "hourly");
    let has_issue = |object: &PostgresBackup| !status(object).issues.is_empty();
    let object = world.until("orders", "refused", has_issue).await;
    assert_eq!(reason(&object), Reason::PrerequisiteMissing.as_str());
    assert!(policy(&world).ends_with("/weekly"));
    let (writes, asked) = (world.kubernetes.history("orders").len(), world.wire.of(ValidateChange).len());
    world.pass(20 * MINUTE).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "retries write nothing\n{}", world.wire);
    assert!(world.wire.of(ValidateChange).len() > asked);
    assert_eq!(world.wire.of(Put).len(), 1, "what Azure refuses is not tried on a protected database");

    world.azure.create_policy("hourly");
    world.ready("orders").await;
    assert!(policy(&world).ends_with("/hourly"));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_taken_back_while_it_is_carried_out_is_undone() {
    let world = World::protected().await;
    choose(&world, "daily");
    world.sent(|sent| sent.call == Put && sent.answer.is_some(), 2).await;
    choose(&world, "weekly");
    world.ready("orders").await;
    world.pass(20 * MINUTE).await;
    assert!(policy(&world).ends_with("/weekly"), "{}", world.wire);
    assert_eq!(world.wire.of(Put).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_specification_that_says_the_same_in_other_letters_is_no_change() {
    let world = World::protected().await;
    let writes = world.wire.count(Call::writes_azure);
    world.kubernetes.edit("orders", |spec| {
        spec.vault.resource_id = spec.vault.resource_id.replace("resourceGroups", "RESOURCEGROUPS");
        spec.policy.name = "Weekly".to_owned();
    });
    world.ready("orders").await;
    assert_eq!(world.wire.count(Call::writes_azure), writes);
}

#[tokio::test(start_paused = true)]
async fn another_secret_is_one_put() {
    let world = World::start();
    world.azure.change(|azure| azure.key_vaults[0].secrets.push("rotated".to_owned()));
    world.kubernetes.create(&samples::single("empdb11"));
    world.ready("empdb11").await;
    let uri = "https://team-kv.vault.azure.net/secrets/rotated".to_owned();
    world.kubernetes.edit("empdb11", |spec| spec.key_vault_secret = Some(KeyVaultSecretSpec { uri: uri.clone() }));
    world.ready("empdb11").await;
    world.pass(60 * MINUTE).await;
    assert_eq!(world.azure.instance().spec.credentials.unwrap().secret_store_resource.uri, Some(uri));
    assert_eq!(world.wire.of(Put).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_identity_and_back_are_two_puts() {
    let world = World::protected().await;
    world.azure.assign_identity(USER_ASSIGNED);
    world.kubernetes.edit("orders", |spec| spec.vault.user_assigned_identity = Some(USER_ASSIGNED.to_owned()));
    world.ready("orders").await;
    let identity = world.azure.instance().spec.identity.unwrap();
    assert_eq!(identity.user_assigned_identity.unwrap().to_string(), USER_ASSIGNED);

    world.kubernetes.edit("orders", |spec| spec.vault.user_assigned_identity = None);
    world.ready("orders").await;
    world.pass(60 * MINUTE).await;
    assert_eq!(world.azure.instance().spec.identity.unwrap().user_assigned_identity, None);
    assert_eq!(world.wire.of(Put).len(), 3, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_has_deleted_for_good_is_created_again() {
    let world = World::with(Setup { api_version: ApiVersion::V2024_04_01, ..Setup::default() });
    world.azure.turn_soft_delete_off();
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.azure.send_as(ApiVersion::V2024_04_01, Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
    world.reconciling("orders", Reason::Validating).await;
    world.ready("orders").await;
    assert_eq!(world.wire.of(Put).len(), 2);
}

/// The moments of a create at which the specification may be edited.
const MOMENTS: [(Call, usize); 7] = [
    (Call::PatchFinalizers, 1),
    (GetInstance, 1),
    (Call::Validate, 1),
    (Call::Poll, 3),
    (ApplyStatus, 2),
    (Put, 1),
    (GetInstance, 5),
];

#[tokio::test(start_paused = true)]
async fn an_edit_at_any_moment_of_a_create_ends_where_it_should() {
    for (call, occurrence) in MOMENTS {
        for later in [0, 2, 70, 2_000] {
            let world = World::creating_until(call, occurrence, Duration::from_millis(later)).await;
            choose(&world, "daily");
            world.ready("orders").await;
            world.pass(20 * MINUTE).await;
            assert!(policy(&world).ends_with("/daily"), "{call:?} {occurrence} {later}\n{}", world.wire);
            assert!(world.wire.of(Put).len() <= 2, "{call:?} {occurrence} {later}\n{}", world.wire);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_somebody_has_deleted_is_brought_back() {
    let world = World::protected().await;
    world.azure.send(Method::DELETE, &world.azure.instance().id.to_string(), &Value::Null);
    world.reconciling("orders", Reason::Undeleting).await;
    world.reconciling("orders", Reason::Resuming).await;
    world.ready("orders").await;
    assert_eq!((world.azure.tombstones(), world.wire.of(Put).len()), (0, 1));
}
