//! Azure resource ids and names, parsed once into types that cannot be wrong.
//!
//! Resource Manager compares ids without regard to case and gives back the casing it was last given, so every type here
//! keeps the user's spelling of names, prints keywords in their documented spelling, and is equal, ordered and hashed
//! without regard to case. A name that could change the meaning of a URL (`/`, `%`, `..`, a control character) does not
//! parse; `path()` percent-encodes what is left.

mod datasource;
mod name;
mod resource;
mod scope;
mod secret;
mod vault;

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;

pub use datasource::{DatasourceId, DatasourceKind, FlexibleServerId, SingleServerDatabaseId};
pub use name::{ParseNameError, SubscriptionId};
pub use resource::{ParseIdError, ResourceId};
pub use scope::{DatabaseScope, ParseScopeError, VaultScope};
pub use secret::{KeyVaultHost, ParseKeyVaultHostError, ParseSecretUriError, SecretUri};
pub use vault::{BackupInstanceId, BackupInstanceName, PolicyId, PolicyName, UserAssignedIdentityId, VaultId};
