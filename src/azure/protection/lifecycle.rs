//! What can be done with a backup instance besides writing it: stop, suspend, resume, repair, undelete.
//!
//! Source: the swagger of api-version 2024-04-01 and recordings of the Azure CLI and of Azure Service Operator. Which
//! api-version has what: [`ApiVersion::first_with`](crate::azure::ApiVersion::first_with).

use super::{DataProtection, is_missing_instance};
use crate::azure::error::AzureError;
use crate::azure::id::BackupInstanceId;
use crate::azure::model::DeletedInstance;
use crate::azure::operation::Started;
use crate::azure::request::Operation;
use azure_core::http::Method;
use serde_json::{Value, json};

impl DataProtection {
    /// Stops backups and keeps every recovery point forever. The instance then shows `ProtectionStopped`.
    pub async fn stop_protection(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        self.act(Operation::StopProtection, instance, "stopProtection", None).await
    }

    /// Stops backups; recovery points expire as the policy says, but for the latest. The instance then shows
    /// `BackupsSuspended`.
    pub async fn suspend_backups(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        self.act(Operation::SuspendBackups, instance, "suspendBackups", None).await
    }

    /// Goes on with backups after either. Finished at once if they go on already. Refused with
    /// `UserErrorDppDatasourceAlreadyHasBackupInstance` if another instance has come to protect the datasource.
    pub async fn resume_protection(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        self.act(Operation::ResumeProtection, instance, "resumeProtection", None).await
    }

    /// Has Azure look again at what keeps protection from working. The operation fails with the present error until the
    /// cause is gone.
    pub async fn sync(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        let body = json!({ "syncType": "Default" });
        self.act(Operation::SyncBackupInstance, instance, "sync", Some(&body)).await
    }

    /// Asks whether changing an instance would succeed; `properties` is what the PUT would send under that name. Refused at
    /// once, or by the operation that is started.
    pub async fn validate_for_modify(
        &self,
        instance: &BackupInstanceId,
        properties: &Value,
    ) -> Result<Started, AzureError> {
        self.admit_properties(Operation::ValidateForModifyBackup, Some(properties))?;
        let body = json!({ "backupInstance": properties });
        self.act(Operation::ValidateForModifyBackup, instance, "validateForModifyBackup", Some(&body)).await
    }

    /// Reads a soft-deleted instance; nothing if the vault is there and has none of this name.
    pub async fn deleted_instance(&self, instance: &BackupInstanceId) -> Result<Option<DeletedInstance>, AzureError> {
        let operation = Operation::GetDeletedBackupInstance;
        let sent = self.request(operation, Method::Get, instance.vault(), deleted_path(instance), None, &[200]).await;
        match sent {
            Ok(answer) => DeletedInstance::parse(answer.json()?)
                .map(Some)
                .ok_or_else(|| answer.unreadable("the soft-deleted backup instance has no properties")),
            Err(error) if is_missing_instance(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings a soft-deleted instance back, with its recovery points; it then shows `ProtectionStopped`. If there is none, an
    /// error with status 404.
    pub async fn undelete(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        let path = format!("{}/undelete", deleted_path(instance));
        let (operation, expected) = (Operation::UndeleteBackupInstance, &[200, 202]);
        self.start(operation, Method::Post, instance.vault(), path, None, expected).await
    }

    async fn act(
        &self,
        operation: Operation,
        instance: &BackupInstanceId,
        action: &'static str,
        body: Option<&Value>,
    ) -> Result<Started, AzureError> {
        let path = format!("{}/{action}", instance.path());
        self.start(operation, Method::Post, instance.vault(), path, body, &[200, 202]).await
    }
}

/// The path of an instance once it is soft-deleted. Its name has nothing to encode.
fn deleted_path(instance: &BackupInstanceId) -> String {
    format!("{}/deletedBackupInstances/{}", instance.vault().path(), instance.name())
}
