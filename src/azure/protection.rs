//! The requests to Azure Data Protection, one method each.

mod lifecycle;
mod list;

use super::arm::{Answer, ArmClient, Call};
use super::error::AzureError;
use super::id::{BackupInstanceId, VaultId};
use super::json::member;
use super::model::{Instance, InstanceRequest, Vault};
use super::operation::{OperationState, RunningOperation, Started};
use super::operation_path::OperationPathError;
use super::permit::Permit;
use super::request::{CallContext, Operation};
use super::version::ApiVersion;
use azure_core::http::Method;
use serde_json::Value;
use std::sync::Arc;

/// The provider's own word for a backup instance that does not exist, as recorded on GET. Other 404s are about the vault, the
/// resource group or the subscription.
const INSTANCE_NOT_FOUND: &str = "UserErrorGenericResourceNotFound";

/// A client of `Microsoft.DataProtection` for one reconcile pass, which sends what its [`Permit`] allows and nothing else.
///
/// There is no other way to send a request to Resource Manager, and no client without a permit:
///
/// ```compile_fail,E0061
/// use postgres_backup_operator::azure::{ApiVersion, ArmClient, DataProtection};
///
/// fn unchecked(arm: ArmClient) -> DataProtection {
///     DataProtection::new(arm, ApiVersion::default())
/// }
/// ```
///
/// Every method sends one request. Source of paths and statuses: the swagger of api-versions 2021-01-01 and 2024-04-01, and
/// recordings of the real service.
#[derive(Clone, Debug)]
pub struct DataProtection {
    arm: ArmClient,
    version: ApiVersion,
    permit: Arc<Permit>,
    context: CallContext,
}

impl DataProtection {
    /// A client that speaks `version` about what `permit` allows. `arm` has to have the permit's identity.
    pub fn new(arm: ArmClient, version: ApiVersion, permit: Permit) -> Self {
        Self { arm, version, permit: Arc::new(permit), context: CallContext::new() }
    }

    /// The same client for another pass: its requests carry the correlation id of `context`.
    pub fn for_pass(&self, context: CallContext) -> Self {
        Self { context, ..self.clone() }
    }

    /// The same client with another api-version.
    pub fn with_version(&self, version: ApiVersion) -> Self {
        Self { version, ..self.clone() }
    }

    /// The api-version that is spoken.
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// The client underneath.
    pub fn arm(&self) -> &ArmClient {
        &self.arm
    }

    /// Reads a vault. One that does not exist is an error that [is gone](AzureError::is_gone).
    pub async fn vault(&self, vault: &VaultId) -> Result<Vault, AzureError> {
        let answer = self.request(Operation::GetVault, Method::Get, vault, vault.path(), None, &[200]).await?;
        Vault::parse(&answer.json()?).ok_or_else(|| answer.unreadable("the vault has no location"))
    }

    /// Reads a backup instance; nothing if the vault is there and the instance is not.
    pub async fn instance(&self, instance: &BackupInstanceId) -> Result<Option<Instance>, AzureError> {
        let operation = Operation::GetBackupInstance;
        let sent = self.request(operation, Method::Get, instance.vault(), instance.path(), None, &[200]).await;
        match sent {
            Ok(answer) => Instance::parse(answer.json()?)
                .map(Some)
                .ok_or_else(|| answer.unreadable("the backup instance has no properties")),
            Err(error) if is_missing_instance(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks whether protecting this would succeed. Refused at once, or by the operation that is started.
    pub async fn validate_for_backup(&self, vault: &VaultId, request: &InstanceRequest) -> Result<Started, AzureError> {
        let path = format!("{}/validateForBackup", vault.path());
        let body = request.validation(self.version);
        self.admit_properties(Operation::ValidateForBackup, member(&body, "backupInstance"))?;
        self.start(Operation::ValidateForBackup, Method::Post, vault, path, Some(&body), &[200, 202]).await
    }

    /// Creates or changes a backup instance. The answer's body is not looked at: after a change it still shows the old policy.
    pub async fn put_instance(&self, instance: &BackupInstanceId, body: &Value) -> Result<Started, AzureError> {
        let (operation, expected) = (Operation::PutBackupInstance, &[200, 201, 202]);
        self.admit_properties(operation, member(body, "properties"))?;
        self.start(operation, Method::Put, instance.vault(), instance.path(), Some(body), expected).await
    }

    /// Deletes a backup instance, into soft delete where that applies. Finished at once if there is none.
    pub async fn delete_instance(&self, instance: &BackupInstanceId) -> Result<Started, AzureError> {
        let (operation, expected) = (Operation::DeleteBackupInstance, &[200, 202, 204]);
        let sent = self.start(operation, Method::Delete, instance.vault(), instance.path(), None, expected).await;
        match sent {
            Err(error) if is_missing_instance(&error) => Ok(Started::Finished),
            done => done,
        }
    }

    /// Looks at an operation once. It must be one of the vault, or of no particular vault in its subscription.
    pub async fn poll(&self, vault: &VaultId, running: &RunningOperation) -> Result<OperationState, AzureError> {
        let operation = Operation::PollOperation;
        let path = running.path();
        if !path.may_belong_to(vault) {
            let source = OperationPathError::NotAnOperation { subscription: vault.subscription().clone() };
            return Err(AzureError::PollUrl { operation, source });
        }
        let path_and_query = path.as_str().to_owned();
        let call = Call {
            operation,
            method: Method::Get,
            subscription: vault.subscription(),
            path_and_query,
            body: None,
            expected: &[200, 201, 202, 204],
        };
        match self.send(vault, call).await {
            Ok(answer) => OperationState::read(path, &answer),
            Err(error) => OperationState::of_error(path, error),
        }
    }

    async fn start(
        &self,
        operation: Operation,
        method: Method,
        vault: &VaultId,
        path: String,
        body: Option<&Value>,
        expected: &'static [u16],
    ) -> Result<Started, AzureError> {
        let answer = self.request(operation, method, vault, path, body, expected).await?;
        Started::read(operation, &answer, self.arm.cloud(), vault.subscription())
    }

    async fn request(
        &self,
        operation: Operation,
        method: Method,
        vault: &VaultId,
        path: String,
        body: Option<&Value>,
        expected: &'static [u16],
    ) -> Result<Answer, AzureError> {
        let path_and_query = format!("{path}?api-version={}", self.version);
        let call = Call { operation, method, subscription: vault.subscription(), path_and_query, body, expected };
        self.send(vault, call).await
    }

    /// Sends a request about a vault: the only way to Resource Manager there is.
    async fn send(&self, vault: &VaultId, call: Call<'_>) -> Result<Answer, AzureError> {
        let operation = call.operation;
        self.permit.admit(vault).map_err(|source| AzureError::Outside { operation, source })?;
        self.arm.send(&self.context, call).await
    }

    fn admit_properties(&self, operation: Operation, properties: Option<&Value>) -> Result<(), AzureError> {
        let admitted = properties.map_or(Ok(()), |properties| self.permit.admit_properties(properties));
        admitted.map_err(|source| AzureError::Outside { operation, source })
    }
}

fn is_missing_instance(error: &AzureError) -> bool {
    matches!(error, AzureError::Http { status: 404, error, .. }
        if error.code.eq_ignore_ascii_case(INSTANCE_NOT_FOUND))
}

#[cfg(test)]
mod tests;
