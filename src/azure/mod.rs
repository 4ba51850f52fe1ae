//! A client of Azure Data Protection (`Microsoft.DataProtection`), as much of it as keeps PostgreSQL protected.
//!
//! It knows nothing of Kubernetes. From the top down:
//!
//! - [`DataProtection`] has one method per request: read a vault or a backup instance, validate, put, stop, resume, delete,
//!   undelete, poll. Each sends one request and returns; nothing here sleeps or retries, because the caller's work queue does.
//! - [`Permit`] is what a [`DataProtection`] is made with: one vault, one database, one Key Vault, one identity. A request
//!   about anything else is refused before it is sent, and without a permit there is nothing to send a request with.
//! - [`ArmClient`] sends a request to Azure Resource Manager: token, headers, ids, time limit, the pause after a 429.
//! - [`Credential`] fetches tokens, and a new one when Azure refuses the old.
//! - [`InstanceRequest`], [`Instance`], [`DeletedInstance`] and [`Vault`] are what goes over the wire, exact for each [`ApiVersion`].
//! - [`AzureError`] is everything that can go wrong, with the [class](ErrorClass) that decides what follows and the
//!   [delivery](Delivery) that says whether the request may have been carried out all the same.
//! - [`VaultId`], [`DatasourceId`], [`SecretUri`] and their like are parsed once and cannot be wrong after that.

mod arm;
mod class;
mod cloud;
mod credential;
mod error;
mod gate;
mod id;
mod json;
mod model;
mod next_page;
mod operation;
mod operation_path;
mod page;
mod permit;
mod protection;
mod rate_limit;
mod request;
mod retry_after;
mod service_error;
mod transport;
mod version;

#[cfg(test)]
mod testing;

pub use arm::{ArmClient, ArmOptions, SubscriptionPause};
pub use class::ErrorClass;
pub use cloud::{Cloud, CloudError, CloudName, CloudOverrides};
pub use credential::{
    AssertionError, AssertionSource, BoxedAssertion, Credential, CredentialConfig, CredentialError, CredentialKind,
    IdentityKind, UnknownCredentialKind,
};
pub use error::{AzureError, Delivery, LostAnswer};
pub use gate::{OpenGate, WriteGate};
pub use id::{
    BackupInstanceId, BackupInstanceName, DatabaseScope, DatasourceId, DatasourceKind, FlexibleServerId, KeyVaultHost,
    ParseIdError, ParseKeyVaultHostError, ParseNameError, ParseScopeError, ParseSecretUriError, PolicyId, PolicyName,
    ResourceId, SecretUri, SingleServerDatabaseId, SubscriptionId, UserAssignedIdentityId, VaultId, VaultScope,
};
pub use model::{
    DeletedInstance, Immutability, Instance, InstanceRequest, OwnerTag, ProtectionState, RequestHash, SoftDelete, Vault,
};
pub use next_page::{NextPage, NextPageError};
pub use operation::{OperationState, RunningOperation, Started};
pub use operation_path::{OperationPath, OperationPathError};
pub use page::Page;
pub use permit::{Identity, OutsidePermit, Permit, WorkloadIdentity};
pub use protection::DataProtection;
pub use rate_limit::RateLimit;
pub use request::{CallContext, NoObserver, Operation, RequestIds, RequestObserver};
pub use retry_after::parse_retry_after;
pub use service_error::ServiceError;
pub use transport::{TransportError, TransportOptions, http_client};
pub use version::{ApiVersion, Limitation, UnsupportedApiVersion};
