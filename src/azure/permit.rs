//! What may be asked of Azure, and as whom.

use super::id::{DatasourceId, KeyVaultHost, SecretUri, VaultId};
use super::json::path;
use serde_json::Value;
use std::fmt;

/// What one client may ask of Azure: about this vault, this database and this Key Vault, as this identity.
///
/// A [`DataProtection`](super::DataProtection) cannot be made without one, and sends nothing about anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    source: String,
    vault: VaultId,
    database: DatasourceId,
    key_vault: Option<KeyVaultHost>,
    identity: Identity,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The process, with the credential that it was started with.
    Own,
    /// An identity that trusts a service account.
    Workload(WorkloadIdentity),
}

/// An identity in Microsoft Entra ID with a federated credential for a Kubernetes service account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkloadIdentity {
    /// Namespace of the service account.
    pub namespace: String,
    /// Name of the service account.
    pub service_account: String,
    /// Client id of the identity, in lower case.
    pub client_id: String,
    /// Its tenant, in lower case.
    pub tenant_id: String,
}

impl fmt::Display for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, service_account, client_id, tenant_id } = self;
        write!(f, "{client_id} in tenant {tenant_id}, by way of the ServiceAccount {namespace}/{service_account}")
    }
}

impl Permit {
    /// Permits requests. `source` says who or what has decided so: the name of a grant.
    ///
    /// In the operator only `reconcile::authorize` calls this, which a test checks. Programs that serve nobody but the person
    /// who runs them, such as a check of a vault from the command line, call it with what that person has named.
    #[must_use]
    pub fn issue(
        source: &str,
        vault: VaultId,
        database: DatasourceId,
        key_vault: Option<KeyVaultHost>,
        identity: Identity,
    ) -> Self {
        Self { source: source.to_owned(), vault, database, key_vault, identity }
    }

    /// Who or what has decided so.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Who asks.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Admits a request about a vault.
    pub(super) fn admit(&self, vault: &VaultId) -> Result<(), OutsidePermit> {
        if *vault == self.vault { Ok(()) } else { Err(OutsidePermit("vault")) }
    }

    /// Admits the `properties` of a backup instance: the datasource that they name and the Key Vault of their secret.
    pub(super) fn admit_properties(&self, properties: &Value) -> Result<(), OutsidePermit> {
        let named = |names: &[&str]| path(properties, names).and_then(Value::as_str);
        if named(&["dataSourceInfo", "resourceID"]).is_some_and(|id| id.parse().as_ref() != Ok(&self.database)) {
            return Err(OutsidePermit("database"));
        }
        match named(&["datasourceAuthCredentials", "secretStoreResource", "uri"]) {
            Some(uri) if !self.holds(uri) => Err(OutsidePermit("Key Vault")),
            _ => Ok(()),
        }
    }

    fn holds(&self, uri: &str) -> bool {
        uri.parse::<SecretUri>().is_ok_and(|secret| Some(secret.key_vault()) == self.key_vault)
    }
}

/// A request that its client has no permit for. It is never sent; that it was to be is a defect of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is about another {0} than the one that is permitted; it was not sent")]
pub struct OutsidePermit(&'static str);
