//! Azure or the operator refuses the request: status says why and what to do, and heals once that is done.

use std::time::Duration;

use http::Method;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::v1alpha1::{Issue, IssueSource, KeyVaultSecretSpec};
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, Reason};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::Value;

use crate::azure::{DATABASE, KEY_VAULT, SERVERS, VAULT, datasource, key_vault, server_id};
use crate::samples;
use crate::wire::Call;
use crate::world::{Setup, World, is, reason, status};

const HOUR: Duration = Duration::from_secs(3600);

fn issue(object: &PostgresBackup) -> Issue {
    let issues = status(object).issues;
    assert_eq!(issues.len(), 1, "{issues:#?}");
    issues.into_iter().next().unwrap()
}

/// Waits until an issue of this code is shown.
async fn troubled(world: &World, name: &str, code: &str) -> PostgresBackup {
    let has_issue = |object: &PostgresBackup| status(object).issues.iter().any(|issue| issue.code == code);
    world.until(name, &format!("troubled by {code}"), has_issue).await
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_explained_in_azures_words_and_heals_once_granted() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));

    let object = world.reconciling("orders", Reason::MissingPermissions).await;
    let issue = issue(&object);
    assert_eq!(issue.source, IssueSource::Validation);
    assert_eq!(issue.code, "UserErrorMissingRequiredPermissions");
    assert!(issue.detail.unwrap().contains("does not have authorization to perform action"));
    assert!(issue.recommended_actions[0].starts_with("Grant appropriate permissions"));
    assert!(issue.activity_id.is_some());
    let validated = conditions::find(&status(&object).conditions, ConditionType::Validated).cloned().unwrap();
    assert_eq!((validated.status.as_str(), validated.reason.as_str()), ("False", "MissingPermissions"));
    assert!(validated.message.contains("Grant appropriate permissions"), "{}", validated.message);

    world.azure.grant(&server_id("orders"));
    let object = world.ready("orders").await;
    assert_eq!(status(&object).issues, []);
    assert_eq!(world.wire.count(|call| call == Call::Put), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_of_a_refused_validation_flip_and_write_nothing() {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    troubled(&world, "orders", "UserErrorMissingRequiredPermissions").await;

    let (before, asked) = (world.kubernetes.history("orders").len(), world.wire.of(Call::Validate).len());
    world.pass(Duration::from_secs(20 * 60)).await;
    assert_eq!(world.kubernetes.history("orders").len(), before, "{}", world.wire);
    assert!(world.wire.of(Call::Validate).len() > asked + 5, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_protected_elsewhere_needs_a_person() {
    // The last api-version with which a DELETE is final where soft delete is off.
    let world = World::with(Setup { api_version: ApiVersion::V2025_07_01, ..Setup::default() });
    world.azure.turn_soft_delete_off();
    let first = samples::flexible("orders");
    world.kubernetes.create(&first);
    world.ready("orders").await;
    // Azure goes on protecting it, and no object of the cluster says so.
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;

    let mut second = samples::flexible("second");
    second.spec.database.resource_id = server_id("orders");
    second.spec.backup_instance_name = Some("second".to_owned());
    world.kubernetes.create(&second);
    let object = world.stalled("second", Reason::AlreadyProtected).await;
    let issue = issue(&object);
    assert_eq!(issue.code, "UserErrorDppDatasourceAlreadyProtected");
    assert!(issue.message.contains(VAULT), "{}", issue.message);
    assert_eq!(world.azure.instances().len(), 1);

    // It is looked at now and then, and heals when the other is gone for good.
    let writes = world.kubernetes.history("second").len();
    world.pass(HOUR).await;
    assert_eq!(world.kubernetes.history("second").len(), writes);
    assert!((4..=8).contains(&(world.wire.of(Call::Validate).len() - 2)), "{}", world.wire);
    let instance = world.azure.instance().id.to_string();
    world.azure.send_as(ApiVersion::V2025_07_01, Method::DELETE, &instance, &Value::Null);
    world.ready("second").await;
}

/// What is missing, how it is missed, and how it comes about.
struct Missing {
    take: fn(&World),
    code: &'static str,
    reason: Reason,
    give: fn(&World),
}

/// Everything that a request refers to and that need not be there yet.
fn prerequisites() -> Vec<Missing> {
    vec![
        Missing {
            take: |world| world.azure.change(|azure| azure.vaults[0].policies.retain(|policy| policy.name != "weekly")),
            code: "UserErrorInvalidRequestParameter",
            reason: Reason::PrerequisiteMissing,
            give: |world| world.azure.create_policy("weekly"),
        },
        Missing {
            take: |world| world.azure.change(|azure| azure.datasources.clear()),
            code: "UserErrorDBNotFound",
            reason: Reason::PrerequisiteMissing,
            give: |world| world.azure.change(|azure| azure.put_datasource(datasource(DATABASE))),
        },
        Missing {
            take: |world| world.azure.change(|azure| azure.key_vaults[0].secrets.clear()),
            code: "UserErrorInvalidSecret",
            reason: Reason::PrerequisiteMissing,
            give: |world| world.azure.change(|azure| azure.key_vaults[0].secrets.push("ossdbkey".to_owned())),
        },
        Missing {
            take: |world| world.azure.change(|azure| azure.key_vaults.clear()),
            code: "UserErrorInvalidSecretStore",
            reason: Reason::PrerequisiteMissing,
            give: |world| world.azure.change(|azure| azure.put_key_vault(key_vault())),
        },
        Missing {
            take: |world| world.azure.revoke(KEY_VAULT),
            code: "UserErrorMissingPermissionsOnSecretStore",
            reason: Reason::MissingPermissions,
            give: |world| world.azure.grant(KEY_VAULT),
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_is_missing_is_named_and_waited_for() {
    for Missing { take, code, reason: expected, give } in prerequisites() {
        let world = World::start();
        take(&world);
        world.kubernetes.create(&samples::single("empdb11"));
        let object = troubled(&world, "empdb11", code).await;
        assert!(is(&object, ConditionType::Reconciling), "{code}");
        assert_eq!(reason(&object), expected.as_str(), "{code}");
        assert!(!issue(&object).recommended_actions.is_empty(), "{code}");
        assert_eq!(world.azure.instances().len(), 0, "{code}");

        give(&world);
        world.ready("empdb11").await;
        assert_eq!(world.wire.count(|call| call == Call::Put), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_does_not_exist_is_waited_for() {
    let world = World::start();
    let vault = std::cell::RefCell::new(None);
    world.azure.change(|azure| *vault.borrow_mut() = azure.vaults.pop());
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.reconciling("orders", Reason::VaultNotFound).await;
    assert_eq!(issue(&object).code, "ResourceGroupNotFound");
    world.pass(Duration::from_secs(10 * 60)).await;
    assert_eq!(world.wire.count(Call::writes_azure), 0);

    world.azure.change(|azure| azure.put_vault(vault.take().unwrap()));
    world.ready("orders").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_vault_of_another_cloud_stalls_before_any_request_to_azure() {
    let world = World::start();
    let mut object = samples::single("empdb11");
    let foreign = "https://team-kv.vault.azure.cn/secrets/ossdbkey".to_owned();
    object.spec.key_vault_secret = Some(KeyVaultSecretSpec { uri: foreign });
    world.kubernetes.create(&object);
    let object = world.stalled("empdb11", Reason::KeyVaultNotInCloud).await;
    assert_eq!(issue(&object).source, IssueSource::Specification);
    world.pass(24 * HOUR).await;
    assert_eq!(world.wire.count(Call::is_azure), 0);

    let right = samples::single("empdb11").spec.key_vault_secret;
    world.kubernetes.edit("empdb11", |spec| spec.key_vault_secret = right);
    world.ready("empdb11").await;
}

#[tokio::test(start_paused = true)]
async fn a_specification_that_changes_during_its_validation_is_validated_anew() {
    let world = World::start();
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::Validating).await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;

    assert_eq!(world.wire.of(Call::Validate).len(), 2);
    assert_eq!(world.wire.of(Call::Put).len(), 1);
    assert!(world.azure.instance().spec.policy.policy_id.to_string().ends_with("/daily"));
}
