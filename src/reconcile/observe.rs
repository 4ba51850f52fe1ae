//! Reads what a pass needs to know from Azure. Changes nothing, neither there nor here.

pub(in crate::reconcile) mod follow;
pub mod neighbours;
pub mod observed;
pub mod vaults;

use super::flight::Flight;
use super::validate::{Desired, Target};
use crate::api::v1alpha1::OperationKind;
use crate::api::{Mode, PostgresBackup, PostgresBackupStatus};
use crate::azure::{ApiVersion, AzureError, DataProtection, Instance};
use crate::error_chain;
use follow::{Followed, follow};
use neighbours::{Claim, Neighbours};
use observed::{Fate, Found, Look, Sent, Sight, Unfinished, Wanted};
use vaults::VaultCache;

/// How many pages of a vault's list a pass looks through. Azure's pages hold dozens of entries, a vault at most thousands.
const MAX_PAGES: usize = 100;

/// Reads what a pass about one object needs.
pub struct Observer<'a> {
    /// The object.
    pub object: &'a PostgresBackup,
    /// Azure.
    pub azure: &'a DataProtection,
    /// Vaults as last read.
    pub vaults: &'a VaultCache,
    /// The other objects of the cluster.
    pub neighbours: &'a Neighbours,
    /// The request under way as this process remembers it.
    pub remembered: Option<&'a Flight>,
    /// What the step before has just seen. It is as good as a look of this step's own.
    pub found: Option<&'a Found>,
}

impl Observer<'_> {
    /// Reads what a live object needs: its vault, which completes the request, the operation under way and the backup
    /// instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn live(&self, desired: &Desired, status: &PostgresBackupStatus) -> Result<(Wanted, Look), Unfinished> {
        let target = &desired.target;
        let vault = self.vaults.get(self.azure, target.vault()).await?;
        let request = desired.request(&vault);
        let hash = desired.hash(&request, self.azure.version());
        let flight = match follow(self.azure, target, Some(&hash), status, self.remembered).await? {
            Followed::Running(look) => return Ok((Wanted { request, hash }, look)),
            Followed::Over(flight) => flight,
        };
        if let Some(found) = self.found {
            return Ok((Wanted { request, hash }, Look::of(found.clone(), flight)));
        }
        let found = match self.azure.instance(&target.instance).await? {
            Some(instance) => {
                let claim = self.claim(desired, &instance).await;
                Found::Instance { instance: Box::new(instance), claim }
            }
            // What is about to come into being has been looked for before.
            None if flight.as_ref().is_some_and(brings_about) => Found::Nothing,
            None => {
                let absent = |error| Unfinished { error, sight: Sight::Absence };
                self.soft_deleted(desired).await.map_err(absent)?
            }
        };
        Ok((Wanted { request, hash }, Look::of(found, flight)))
    }

    /// Reads what a deleted object needs: the operation under way and the backup instance. A vault that is gone, by ARM's
    /// own codes, holds no backup instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn deleted(&self, target: &Target, status: &PostgresBackupStatus) -> Result<Look, AzureError> {
        match self.look_at_deleted(target, status).await {
            Err(error) if error.is_gone() => Ok(Look::of(Found::Nothing, None)),
            result => result,
        }
    }

    /// Whether deleting the backup instance could be undone, as far as the vault tells at this moment.
    ///
    /// # Errors
    /// What Azure answered instead of the vault.
    pub async fn is_delete_reversible(&self, target: &Target) -> Result<bool, AzureError> {
        let version = self.azure.version();
        Ok(version.always_soft_deletes() || self.azure.vault(target.vault()).await?.delete_is_reversible(version))
    }

    /// The backup instance of the same vault, other than the object's own, that protects the database.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn protector(&self, target: &Target) -> Result<Option<String>, AzureError> {
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let page = self.azure.instances(target.vault(), next.as_ref()).await?;
            let protects = |instance: &&Instance| {
                instance.datasource().as_ref() == Some(&target.datasource)
                    && !instance.name.eq_ignore_ascii_case(target.instance.name().as_str())
            };
            if let Some(found) = page.items.iter().find(protects) {
                return Ok(Some(found.name.clone()));
            }
            next = page.next;
            if next.is_none() {
                return Ok(None);
            }
        }
        tracing::warn!(vault = target.vault().name(), pages = MAX_PAGES, "Looked through as many pages as a pass may");
        Ok(None)
    }

    async fn look_at_deleted(&self, target: &Target, status: &PostgresBackupStatus) -> Result<Look, AzureError> {
        let flight = match follow(self.azure, target, None, status, self.remembered).await? {
            Followed::Running(look) => return Ok(look),
            Followed::Over(flight) => flight,
        };
        if let Some(found) = self.found {
            return Ok(Look::of(found.clone(), flight));
        }
        let found = match self.azure.instance(&target.instance).await? {
            Some(instance) => {
                let claim = self.claim_of_deleted(target, &instance, status).await;
                Found::Instance { instance: Box::new(instance), claim }
            }
            None if flight.as_ref().is_some_and(|flight| flight.kind == OperationKind::Delete) => {
                self.tombstone(target).await
            }
            None => Found::Nothing,
        };
        Ok(Look::of(found, flight))
    }

    /// What is left of the backup instance after its deletion. It only serves to say until when that can be undone.
    async fn tombstone(&self, target: &Target) -> Found {
        if !self.azure.version().shows_deleted_instances() {
            return Found::Nothing;
        }
        match self.azure.deleted_instance(&target.instance).await {
            Ok(Some(deleted)) => {
                Found::SoftDeleted { deleted: Box::new(deleted), claim: Claim::Ours, replacement: None }
            }
            Ok(None) => Found::Nothing,
            Err(error) => {
                let error = error_chain::one_line(&error);
                tracing::info!(error, "Could not read until when the deletion can be undone");
                Found::Nothing
            }
        }
    }

    async fn soft_deleted(&self, desired: &Desired) -> Result<Found, AzureError> {
        let target = &desired.target;
        if !self.azure.version().shows_deleted_instances() {
            return Ok(Found::Nothing);
        }
        let Some(deleted) = self.azure.deleted_instance(&target.instance).await? else { return Ok(Found::Nothing) };
        let claim = self.claim(desired, &deleted.instance).await;
        // Only what is to be brought back has to be looked for under another name.
        let replacement = if desired.mode == Mode::Enforce { self.protector(target).await? } else { None };
        Ok(Found::SoftDeleted { deleted: Box::new(deleted), claim, replacement })
    }

    /// Whose the backup instance of a deleted object is. One that was in its care without ever carrying its tag, since no
    /// PUT is sent while backups are at rest, is its own as long as nobody else claims it.
    async fn claim_of_deleted(&self, target: &Target, instance: &Instance, status: &PostgresBackupStatus) -> Claim {
        if is_marked(target, instance, self.azure.version()) {
            return Claim::Ours;
        }
        let tag = instance.tag(&target.owner.name);
        let yields =
            status.has_accepted_instance() && self.neighbours.claim(self.object, target, tag).await == Claim::Free;
        if yields { Claim::Ours } else { Claim::Free }
    }

    /// Whose the backup instance is. Without tags nobody can tell; an object that claims nothing need not know.
    async fn claim(&self, desired: &Desired, instance: &Instance) -> Claim {
        if desired.mode != Mode::Enforce || is_marked(&desired.target, instance, self.azure.version()) {
            return Claim::Ours;
        }
        self.neighbours.claim(self.object, &desired.target, instance.tag(&desired.target.owner.name)).await
    }
}

/// Whether the backup instance carries the object's owner tag, as far as `version` shows tags.
fn is_marked(target: &Target, instance: &Instance, version: ApiVersion) -> bool {
    !version.carries_tags() || instance.tag(&target.owner.name) == Some(target.owner.value.as_str())
}

/// Whether a request is to bring about a backup instance where there is none, and is not over yet.
fn brings_about(flight: &Flight) -> bool {
    use OperationKind::{Create, Undelete, Update, Validate};

    match flight.kind {
        Validate | Create | Undelete => Sent::of(flight).fate != Fate::Over,
        Update => flight.may_still_land(),
        _ => false,
    }
}
