//! Stop, suspend, resume, repair, undelete.

use super::*;

const SOFT_DELETE: &str = include_str!("../../../../tests/vectors/azure/soft-delete.json");
const STOP: &str = include_str!("../../../../tests/vectors/azure/stop-suspend-resume.json");
const SYNC: &str = include_str!("../../../../tests/vectors/azure/sync.json");

/// Polls once while the operation runs, and once more for its end.
async fn outcome(client: &DataProtection, vault: &VaultId, started: Result<Started, AzureError>) -> OperationState {
    let Ok(Started::Running(operation)) = started else { panic!("{started:?}") };
    assert!(matches!(client.poll(vault, &operation).await.unwrap(), OperationState::Running { .. }));
    client.poll(vault, &operation).await.unwrap()
}

async fn state(client: &DataProtection, instance: &BackupInstanceId) -> ProtectionState {
    client.instance(instance).await.unwrap().unwrap().protection_state
}

fn code(outcome: &Result<Started, AzureError>) -> Option<(u16, &str)> {
    match outcome {
        Err(AzureError::Http { status, error, .. }) => Some((*status, &error.code)),
        _ => None,
    }
}

#[tokio::test]
async fn recorded_stop_suspend_and_resume() {
    let recording = Recording::of(STOP);
    let (azure, instance) = (recording.azure(), recording.instance());
    let client = first_of(ApiVersion::V2024_04_01, &azure, instance.vault());
    let vault = instance.vault();

    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionConfigured);
    let stopped = client.stop_protection(&instance).await;
    assert_eq!(outcome(&client, vault, stopped).await, OperationState::Succeeded);
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionStopped);
    let resumed = client.resume_protection(&instance).await;
    assert_eq!(outcome(&client, vault, resumed).await, OperationState::Succeeded);
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionConfigured);
    let suspended = client.suspend_backups(&instance).await;
    assert_eq!(outcome(&client, vault, suspended).await, OperationState::Succeeded);
    assert_eq!(state(&client, &instance).await, ProtectionState::BackupsSuspended);
    let resumed = client.resume_protection(&instance).await;
    assert_eq!(outcome(&client, vault, resumed).await, OperationState::Succeeded);
    recording.assert_replayed(&azure);
}

#[tokio::test]
async fn a_recorded_delete_that_is_undone() {
    let recording = Recording::of(SOFT_DELETE);
    let (azure, instance) = (recording.azure(), recording.instance());
    let client = first_of(ApiVersion::V2024_04_01, &azure, instance.vault());
    let vault = instance.vault();

    // Protected already: nothing to resume.
    assert_eq!(client.resume_protection(&instance).await.unwrap(), Started::Finished);
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionConfigured);
    let deleted = client.delete_instance(&instance).await;
    assert_eq!(outcome(&client, vault, deleted).await, OperationState::Succeeded);
    let deleted = client.deleted_instance(&instance).await.unwrap().unwrap();
    assert_eq!(deleted.instance.name, instance.name().as_str());
    assert_eq!(deleted.instance.protection_state, ProtectionState::SoftDeleted);
    let times = [deleted.deletion_time, deleted.scheduled_purge_time].map(|time| time.unwrap().to_string());
    assert_eq!(times, ["2024-06-26T07:49:49.4617127Z", "2024-07-10T07:49:49.4617127Z"]);

    assert_eq!(client.undelete(&instance).await.unwrap(), Started::Finished);
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionStopped);
    // Meanwhile another vault protects the datasource.
    let refused = client.resume_protection(&instance).await;
    assert_eq!(code(&refused), Some((400, "UserErrorDppDatasourceAlreadyHasBackupInstance")));
    let nothing_left = client.undelete(&instance).await;
    assert_eq!(code(&nothing_left), Some((404, "UserErrorGenericResourceNotFound")));
    let resumed = client.resume_protection(&instance).await;
    assert_eq!(outcome(&client, vault, resumed).await, OperationState::Succeeded);
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionConfigured);
    recording.assert_replayed(&azure);
}

#[tokio::test]
async fn a_recorded_sync_fails_until_the_cause_is_gone() {
    let recording = Recording::of(SYNC);
    let (azure, instance) = (recording.azure(), recording.instance());
    // So the recording has it: everything else in the older version, sync in the newer.
    let client = first_of(ApiVersion::V2023_11_01, &azure, instance.vault());
    let syncing = first_of(ApiVersion::V2024_04_01, &azure, instance.vault());
    let vault = instance.vault();

    let broken = client.instance(&instance).await.unwrap().unwrap();
    assert_eq!(broken.protection_state, ProtectionState::ProtectionError);
    let started = syncing.sync(&instance).await;
    let OperationState::Failed(error) = outcome(&syncing, vault, started).await else { panic!() };
    assert_eq!(error.code, broken.protection_error.unwrap().code);
    assert_eq!(error.class(), ErrorClass::Permission);
    let Started::Running(operation) = syncing.sync(&instance).await.unwrap() else { panic!() };
    assert_eq!(operation.poll_after(), Duration::from_secs(30));
    assert!(matches!(syncing.poll(vault, &operation).await.unwrap(), OperationState::Running { .. }));
    // Before the operation has ended.
    assert_eq!(state(&client, &instance).await, ProtectionState::ProtectionConfigured);
    recording.assert_replayed(&azure);
}

#[tokio::test]
async fn a_change_is_validated_before_it_is_made() {
    let status = format!("{VAULT}/operationStatus/x");
    let azure = FakeAzure::new([accepted(202, &status)]);
    let properties = request().properties(ApiVersion::default());
    let started = protection(&azure).validate_for_modify(&instance(), &properties).await.unwrap();
    assert!(matches!(started, Started::Running(operation) if operation.path().as_str() == status));
    let sent = &azure.sent()[0];
    assert_eq!(sent.url, arm_url(&format!("{}/validateForModifyBackup?api-version=2026-03-01", instance())));
    assert_eq!((sent.method, &sent.body), (Method::Post, &Some(json!({ "backupInstance": properties }))));
}

#[tokio::test]
async fn only_the_providers_own_404_means_that_nothing_is_soft_deleted() {
    let cases =
        [("UserErrorGenericResourceNotFound", true), ("ResourceNotFound", false), ("ResourceGroupNotFound", false)];
    for (code, none) in cases {
        let azure = FakeAzure::new([json(404, json!({ "error": { "code": code, "message": "Not there." } }))]);
        let found = protection(&azure).deleted_instance(&instance()).await;
        assert_eq!(matches!(found, Ok(None)), none, "{code}");
    }
    for reply in [json(200, json!({})), json(200, json!([])), empty(200, &[]), empty(404, &[]), empty(204, &[])] {
        assert!(protection(&FakeAzure::new([reply])).deleted_instance(&instance()).await.is_err());
    }
}

/// Every POST takes 200 as done and 202 as begun, and nothing else; none is sent twice.
#[tokio::test]
async fn how_actions_are_answered() {
    let status = format!("{VAULT}/operationStatus/x");
    for action in ["stop", "suspend", "resume", "sync", "undelete", "validate"] {
        let send = async |reply| {
            let azure = FakeAzure::new([reply]);
            let (client, instance) = (protection(&azure), instance());
            let outcome = match action {
                "stop" => client.stop_protection(&instance).await,
                "suspend" => client.suspend_backups(&instance).await,
                "resume" => client.resume_protection(&instance).await,
                "sync" => client.sync(&instance).await,
                "undelete" => client.undelete(&instance).await,
                _ => client.validate_for_modify(&instance, &json!({})).await,
            };
            let sent = azure.sent();
            assert_eq!((sent.len(), sent[0].method), (1, Method::Post), "{action}");
            assert_eq!(sent[0].body.is_none(), sent[0].headers.contains_key("content-length"), "{action}");
            outcome
        };
        assert_eq!(send(empty(200, &[])).await.unwrap(), Started::Finished, "{action}");
        assert!(matches!(send(accepted(202, &status)).await, Ok(Started::Running(_))), "{action}");
        assert!(send(empty(202, &[])).await.is_err(), "{action}");
        assert_eq!(send(empty(204, &[])).await.unwrap_err().delivery(), Delivery::Unknown, "{action}");
        assert_eq!(send(empty(401, &[])).await.unwrap_err().status(), Some(401), "{action}");
        assert_eq!(send(empty(404, &[])).await.unwrap_err().status(), Some(404), "{action}");
        assert_eq!(send(empty(409, &[])).await.unwrap_err().class(), ErrorClass::Busy, "{action}");
    }
}
