//! Decides what an object may ask of Azure, and as whom. Pure.

use std::collections::BTreeMap;

use super::grant::Grant;
use super::validate::{Desired, Target};
use crate::api::{DeletionPolicy, Mode, PostgresBackup, Reason, annotations};
use crate::azure::{DatasourceId, KeyVaultHost, Permit, PolicyName, VaultId};

/// All that an object asks for. A grant allows all of it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The Backup vault.
    pub vault: VaultId,
    /// The database.
    pub database: DatasourceId,
    /// The Key Vault of the secret, if there is one.
    pub key_vault: Option<KeyVaultHost>,
    /// The policy to protect under; a deletion needs none.
    pub policy: Option<PolicyName>,
    /// What the operator may do in Azure.
    pub mode: Mode,
    /// What becomes of the backup instance in the end.
    pub deletion_policy: DeletionPolicy,
    /// Whether another owner's backup instance is to be taken over.
    pub takes_over: bool,
}

impl Request {
    /// What a live object asks for.
    #[must_use]
    pub fn to_protect(object: &PostgresBackup, desired: &Desired) -> Self {
        Self {
            key_vault: desired.secret.as_ref().map(|secret| secret.key_vault()),
            policy: Some(desired.policy.name().clone()),
            takes_over: annotations::takes_over(object),
            ..Self::to_delete(object, &desired.target)
        }
    }

    /// What a deleted object asks for. Neither policy nor secret is used any more, and nothing is taken over.
    #[must_use]
    pub fn to_delete(object: &PostgresBackup, target: &Target) -> Self {
        Self {
            vault: target.vault().clone(),
            database: target.datasource.clone(),
            key_vault: None,
            policy: None,
            mode: object.spec.mode,
            deletion_policy: object.spec.deletion_policy,
            takes_over: false,
        }
    }
}

/// The namespace that a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels, if it is known.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// Why a request is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No grant allows all of it.
    NotPermitted,
    /// Several grants allow it, and not as the same identity: these.
    Conflict(Vec<String>),
}

/// Decides about a request from `namespace`. One grant has to allow all of it. Of several that do, as the same identity, the
/// one whose name comes first counts.
///
/// # Errors
/// Why it is not permitted.
pub fn authorize(request: &Request, namespace: Namespace<'_>, grants: &[Grant]) -> Result<Permit, Denial> {
    let allowing = grants.iter().filter(|grant| grant.allows(request, namespace));
    let mut offers: Vec<_> =
        allowing.filter_map(|grant| Some((grant.name(), grant.identity(namespace.name)?))).collect();
    offers.sort_by_key(|(name, _)| *name);
    let Some((source, identity)) = offers.first().cloned() else { return Err(Denial::NotPermitted) };
    if offers.iter().any(|(_, other)| *other != identity) {
        return Err(Denial::Conflict(offers.into_iter().map(|(name, _)| name.to_owned()).collect()));
    }
    let (vault, database) = (request.vault.clone(), request.database.clone());
    Ok(Permit::issue(source, vault, database, request.key_vault.clone(), identity))
}

impl Denial {
    /// The word for it in status.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotPermitted => Reason::NotPermitted,
            Self::Conflict(_) => Reason::GrantConflict,
        }
    }

    /// Says what to ask an administrator for. What other grants contain is not told.
    #[must_use]
    pub fn explain(&self, request: &Request, namespace: &str) -> String {
        match self {
            Self::NotPermitted => format!(
                "No PostgresBackupGrant lets the namespace {namespace} do this, so nothing is sent to Azure. Ask an \
                 administrator of the cluster for one grant that covers all of: {}.",
                request.wishes()
            ),
            Self::Conflict(grants) => format!(
                "The PostgresBackupGrants {} all permit this, as different identities in Azure, so nothing is sent to Azure. \
                 Ask an administrator of the cluster to leave only one of them.",
                grants.join(", ")
            ),
        }
    }
}

impl Request {
    fn wishes(&self) -> String {
        let mut wishes = vec![format!("vault {}", self.vault), format!("database {}", self.database)];
        wishes.extend(self.key_vault.as_ref().map(|host| format!("Key Vault {host}")));
        wishes.extend(self.policy.as_ref().map(|policy| format!("policy {policy}")));
        wishes.push(format!("mode {:?}", self.mode));
        wishes.push(format!("deletionPolicy {:?}", self.deletion_policy));
        if self.takes_over {
            wishes.push(format!("allowTakeOver, for the annotation {}", annotations::TAKE_OVER_FROM));
        }
        wishes.join(", ")
    }
}

#[cfg(test)]
mod tests;
