//! What an object asks for, in the terms of grants. Pure.

use std::collections::BTreeMap;

use crate::api::{DeletionPolicy, Mode, PostgresBackup, annotations};
use crate::azure::{DatasourceId, KeyVaultHost, PolicyName, VaultId};
use crate::reconcile::validate::{Desired, Target};

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
