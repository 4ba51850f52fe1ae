//! Decides what an object may ask of Azure, and as whom. Pure.

pub mod asked;
pub mod authority;
pub mod grant;
pub mod identities;

use crate::api::{Reason, annotations};
use crate::azure::Permit;
use asked::{Namespace, Request};
use grant::Grant;

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
