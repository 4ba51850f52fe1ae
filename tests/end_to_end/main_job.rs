//! Apply a PostgresBackup, and Azure protects the database; change it, and Azure follows; delete it, and Azure lets go.

use azure_emulator::{Grant, Kind, ProtectionState, ResourceId};
use kube::api::DeleteParams;
use serde_json::json;

use crate::stage::{SUBSCRIPTION, Stage, condition, flexible_server, ready, single_server_database};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_kinds_of_database_become_protected_at_a_fixed_price() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    for (name, spec) in [("orders", flexible_server("orders")), ("empdb11", single_server_database())] {
        let before = stage.requests().len();
        stage.create(name, spec).await;
        let object = stage.until_ready(name, &operator).await;

        let status = object.status.as_ref().unwrap();
        for type_ in ["Validated", "Synced", "Protected"] {
            assert_eq!(condition(&object, type_).map(|(status, _)| status), Some("True"), "{type_}");
        }
        for type_ in ["Reconciling", "Stalled"] {
            assert_eq!(condition(&object, type_), None, "{type_}");
        }
        assert_eq!(status.observed_generation, 1);
        assert_eq!(status.backup_instance.as_ref().unwrap().protection_state.as_deref(), Some("ProtectionConfigured"));
        assert_eq!((&status.operation, &status.validated_request), (&None, &None));
        assert!(status.issues.is_empty() && status.drift.is_empty(), "{status:?}");

        let sent = &stage.requests()[before..];
        let writes = sent.iter().filter(|entry| entry.method != "GET").count();
        assert_eq!(writes, 2, "one validation and one PUT: {sent:#?}");
        let put = sent.iter().position(|entry| entry.kind == Kind::PutInstance).unwrap();
        // After the PUT the backup instance is in transition, and every GET of it is a poll.
        let polls = |(at, kind): &(usize, Kind)| {
            matches!(kind, Kind::Poll | Kind::GetVault) || (*kind == Kind::GetInstance && *at > put)
        };
        let kinds = sent.iter().map(|entry| entry.kind).enumerate();
        assert!(kinds.filter(|entry| !polls(entry)).count() <= 6, "{sent:#?}");
        assert!(stage.object_writes(name) <= 4, "{} writes of the object", stage.object_writes(name));
        assert_eq!(stage.events(name).await, ["Validating", "Creating", "Protected"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_is_explained_in_azures_words_and_heals_by_itself() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("billing", flexible_server("billing")).await;
    let object = stage.until_reason("billing", &operator, "MissingPermissions").await;

    assert_eq!(condition(&object, "Validated"), Some(("False", "MissingPermissions")));
    assert_eq!(condition(&object, "Reconciling"), Some(("True", "MissingPermissions")));
    let issue = &object.status.as_ref().unwrap().issues[0];
    assert_eq!(issue.code, "UserErrorMissingRequiredPermissions");
    assert!(issue.recommended_actions[0].contains("Grant appropriate permissions"), "{issue:?}");
    assert!(issue.detail.as_ref().unwrap().contains("flexibleServers/billing"), "{issue:?}");
    assert!(issue.activity_id.is_some());
    assert_eq!(stage.count(Kind::PutInstance), 0, "nothing is half created");

    let engine = stage.emulator.engine();
    engine.lock().unwrap().world_mut().grant(Grant {
        principal_id: "33333333-3333-4333-8333-333333333331".parse().unwrap(),
        scope: ResourceId::parse(&format!("{SUBSCRIPTION}/resourceGroups/data-rg")).unwrap(),
    });
    let object = stage.until_ready("billing", &operator).await;
    assert!(object.status.as_ref().unwrap().issues.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_policy_is_carried_over_and_a_deletion_waits_for_azure() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", &operator).await;

    stage.patch("orders", json!({ "spec": { "policy": { "name": "monthly" } } })).await;
    let object = stage.until_ready("orders", &operator).await;
    let instance = object.status.as_ref().unwrap().backup_instance.as_ref().unwrap();
    assert!(instance.policy_id.as_ref().unwrap().ends_with("/backupPolicies/monthly"), "{instance:?}");
    assert_eq!(stage.count(Kind::PutInstance), 2);

    stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    let deleting = stage.until_reason("orders", &operator, "Deleting").await;
    assert_eq!(ready(&deleting), Some(("False", "Deleting")));
    stage.waiter("orders", &operator).until_gone().await.unwrap();
    assert_eq!(stage.count(Kind::DeleteInstance), 1);
    assert_eq!(stage.emulator.engine().lock().unwrap().instances().count(), 0);
    let events = stage.events("orders").await;
    assert_eq!(events, ["Validating", "Creating", "Protected", "Updating", "Protected", "Deleting", "Deleted"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retain_lets_go_and_leaves_the_backups_alone() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let mut spec = flexible_server("orders");
    spec["deletionPolicy"] = json!("Retain");
    stage.create("orders", spec).await;
    let object = stage.until_ready("orders", &operator).await;
    assert_eq!(object.metadata.finalizers, None, "it can be deleted without the operator");

    stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    stage.waiter("orders", &operator).until_gone().await.unwrap();
    assert_eq!(stage.count(Kind::DeleteInstance), 0);
    let engine = stage.emulator.engine();
    let states: Vec<_> = engine.lock().unwrap().instances().map(|instance| instance.state).collect();
    assert_eq!(states, [ProtectionState::ProtectionConfigured]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_outside_the_clouds_key_vaults_never_reaches_azure() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let mut spec = single_server_database();
    spec["keyVaultSecret"]["uri"] = json!("https://testkeyvaulteus.vault.example.com/secrets/ossdbkey");
    stage.create("empdb11", spec).await;
    let object = stage.until_reason("empdb11", &operator, "KeyVaultNotInCloud").await;
    assert_eq!(condition(&object, "Stalled"), Some(("True", "KeyVaultNotInCloud")));
    assert_eq!(object.metadata.finalizers, None);
    assert_eq!(stage.requests().len(), 0);
}
