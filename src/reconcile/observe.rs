//! Reads what a pass needs to know from Azure. Changes nothing, neither there nor here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::flight::{Flight, Stage};
use super::neighbours::{Claim, Neighbours};
use super::validate::{Desired, Target};
use crate::api::v1alpha1::OperationKind;
use crate::api::{Mode, PostgresBackup, PostgresBackupStatus};
use crate::azure::{
    ApiVersion, AzureError, DataProtection, DeletedInstance, Instance, InstanceRequest, OperationState,
    ProtectionState, RequestHash, RunningOperation, ServiceError, Vault, VaultId,
};
use crate::error_chain;

/// How long an operation's report is relied on before the backup instance itself is asked as well how far it got.
/// The longest one seen in recordings took 157 seconds.
const OPERATION_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How many pages of a vault's list a pass looks through. Azure's pages hold dozens of entries, a vault at most thousands.
const MAX_PAGES: usize = 100;

/// How long a vault's location and settings are taken as read.
const VAULT_TTL: Duration = Duration::from_secs(60 * 60);

/// What a pass found, and what is to be remembered of it.
#[derive(Debug)]
pub struct Look {
    /// What is there.
    pub observed: Observed,
    /// The request under way, as far as it has come.
    pub flight: Option<Flight>,
}

/// A look that Azure did not let a pass finish.
#[derive(Debug)]
pub struct Unfinished {
    /// What Azure answered instead.
    pub error: AzureError,
    /// What was seen until then.
    pub sight: Sight,
}

/// What an unfinished look has seen of the backup instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: what was read before may still be so.
    Nothing,
    /// That it does not exist.
    Absence,
}

impl From<AzureError> for Unfinished {
    fn from(error: AzureError) -> Self {
        Self { error, sight: Sight::Nothing }
    }
}

/// What a pass found in Azure.
#[derive(Debug)]
pub enum Observed {
    /// Azure still works on our request; nothing else was read.
    Running {
        /// The request.
        kind: OperationKind,
        /// How long Azure asks to wait before the next look.
        poll_after: Duration,
    },
    /// The backup instance was looked for.
    Seen {
        /// What there is of it.
        found: Found,
        /// The last request to Azure that is still of interest.
        sent: Option<Sent>,
    },
}

impl Observed {
    /// What there is of the backup instance, if it was looked for.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Seen { found, .. } => Some(found),
            Self::Running { .. } => None,
        }
    }

    /// The protection state of the backup instance, if it was read.
    #[must_use]
    pub fn state(&self) -> Option<&ProtectionState> {
        match self {
            Self::Seen { found: Found::Instance { instance, .. }, .. } => Some(&instance.protection_state),
            Self::Seen { .. } | Self::Running { .. } => None,
        }
    }
}

/// What there is of a backup instance.
#[derive(Clone, Debug)]
pub enum Found {
    /// It does not exist.
    Nothing,
    /// It was deleted, and can be brought back.
    SoftDeleted {
        /// As it was.
        deleted: Box<DeletedInstance>,
        /// Whose it is.
        claim: Claim,
        /// The backup instance of the same vault that protects the database by now.
        replacement: Option<String>,
    },
    /// It exists.
    Instance {
        /// As Azure shows it.
        instance: Box<Instance>,
        /// Whose it is.
        claim: Claim,
    },
}

/// The request that the specification amounts to.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its content.
    pub request: InstanceRequest,
    /// The hash of its content.
    pub hash: RequestHash,
}

/// A request to Azure that was recorded before it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What was asked.
    pub kind: OperationKind,
    /// With which content.
    pub request: RequestHash,
    /// What became of it.
    pub fate: Fate,
    /// Whether it, or an earlier attempt at it, may take effect after now.
    pub may_still_land: bool,
}

/// What became of a recorded request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is stored, and can be sent.
    Unsent,
    /// Azure accepted it, and the effect may show any moment.
    Accepted,
    /// Nobody knows whether it reached Azure, or whether Azure is done with it; the effect may show any moment.
    Lost,
    /// Its operation failed.
    Failed(ServiceError),
    /// It is over: whatever effect it had shows.
    Over,
}

/// Vaults as last read, shared by all objects.
#[derive(Debug, Default)]
pub struct VaultCache(Mutex<HashMap<VaultId, (Instant, Arc<Vault>)>>);

impl VaultCache {
    async fn get(&self, azure: &DataProtection, id: &VaultId) -> Result<Arc<Vault>, AzureError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((read_at, vault)) = known
            && read_at.elapsed() < VAULT_TTL
        {
            return Ok(vault);
        }
        let vault = Arc::new(azure.vault(id).await?);
        let mut vaults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        vaults.insert(id.clone(), (Instant::now(), Arc::clone(&vault)));
        Ok(vault)
    }
}

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
        let flight = match self.follow(target, Some(&hash), status).await? {
            Followed::Running(look) => return Ok((Wanted { request, hash }, look)),
            Followed::Over(flight) => flight,
        };
        if let Some(found) = self.found {
            let observed = Observed::Seen { found: found.clone(), sent: flight.as_ref().map(sent) };
            return Ok((Wanted { request, hash }, Look { observed, flight }));
        }
        let found = match self.azure.instance(&target.instance).await? {
            Some(instance) => {
                let claim = self.claim(desired, &instance).await;
                Found::Instance { instance: Box::new(instance), claim }
            }
            // What is about to be created has been looked for before.
            None if flight.is_some() || status.validated_request.as_deref() == Some(hash.as_str()) => Found::Nothing,
            None => {
                let absent = |error| Unfinished { error, sight: Sight::Absence };
                self.soft_deleted(desired).await.map_err(absent)?
            }
        };
        let observed = Observed::Seen { found, sent: flight.as_ref().map(sent) };
        Ok((Wanted { request, hash }, Look { observed, flight }))
    }

    /// Reads what a deleted object needs: the operation under way and the backup instance. A vault that is gone, by ARM's
    /// own codes, holds no backup instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn deleted(&self, target: &Target, status: &PostgresBackupStatus) -> Result<Look, AzureError> {
        match self.look_at_deleted(target, status).await {
            Err(error) if error.is_gone() => {
                Ok(Look { observed: Observed::Seen { found: Found::Nothing, sent: None }, flight: None })
            }
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
        let flight = match self.follow(target, None, status).await? {
            Followed::Running(look) => return Ok(look),
            Followed::Over(flight) => flight,
        };
        if let Some(found) = self.found {
            return Ok(Look {
                observed: Observed::Seen { found: found.clone(), sent: flight.as_ref().map(sent) },
                flight,
            });
        }
        let found = match self.azure.instance(&target.instance).await? {
            Some(instance) => {
                let claim = if is_marked(target, &instance, self.azure.version()) { Claim::Ours } else { Claim::Free };
                Found::Instance { instance: Box::new(instance), claim }
            }
            None if flight.as_ref().is_some_and(|flight| flight.kind == OperationKind::Delete) => {
                self.tombstone(target).await
            }
            None => Found::Nothing,
        };
        Ok(Look { observed: Observed::Seen { found, sent: flight.as_ref().map(sent) }, flight })
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

    /// Whose the backup instance is. Without tags nobody can tell; an object that claims nothing need not know.
    async fn claim(&self, desired: &Desired, instance: &Instance) -> Claim {
        if desired.mode != Mode::Enforce || is_marked(&desired.target, instance, self.azure.version()) {
            return Claim::Ours;
        }
        self.neighbours.claim(self.object, &desired.target, instance.tag(&desired.target.owner.name)).await
    }

    /// Follows the request under way: either it still runs, or the backup instance has to be asked.
    async fn follow(
        &self,
        target: &Target,
        wanted: Option<&RequestHash>,
        status: &PostgresBackupStatus,
    ) -> Result<Followed, AzureError> {
        let subscription = target.vault().subscription();
        let recorded = || status.operation.as_ref().map(|operation| Flight::recorded(operation, subscription));
        let mut flight = self.remembered.cloned().or_else(recorded).filter(|flight| is_of_interest(flight, wanted));
        if let Some((kind, poll_after)) = flight.as_ref().and_then(|flight| Some((flight.kind, flight.respite()?))) {
            return Ok(Followed::Running(Look { observed: Observed::Running { kind, poll_after }, flight }));
        }
        if let Some(operation) = flight.as_ref().and_then(Flight::operation) {
            match self.poll(target.vault(), operation).await {
                Ok(stage) => flight = flight.map(|flight| flight.shown(stage)),
                // An operation that cannot be looked at for long is judged by the backup instance alone.
                Err(_) if flight.as_ref().is_some_and(|flight| flight.age() > OPERATION_PATIENCE) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(sent) = &flight
            && let (Some(operation), true) = (sent.operation(), sent.age() <= OPERATION_PATIENCE)
        {
            let observed = Observed::Running { kind: sent.kind, poll_after: operation.poll_after() };
            return Ok(Followed::Running(Look { observed, flight }));
        }
        Ok(Followed::Over(flight))
    }

    /// Looks at an operation once: how far is it?
    async fn poll(&self, vault: &VaultId, operation: &RunningOperation) -> Result<Stage, AzureError> {
        Ok(match self.azure.poll(vault, operation).await {
            Ok(OperationState::Running { poll_after }) => {
                let poll_after = poll_after.unwrap_or(operation.poll_after());
                Stage::Running(RunningOperation::new(operation.path().clone(), poll_after))
            }
            Ok(OperationState::Succeeded) => Stage::Succeeded,
            Ok(OperationState::Failed(error)) => Stage::Failed(error),
            Ok(OperationState::Canceled) => Stage::Failed(canceled()),
            // The report is gone, the operation need not be: the backup instance will tell.
            Err(error) if matches!(error.status(), Some(404 | 410)) => Stage::Lost,
            Err(error) => return Err(error),
        })
    }
}

/// Where following a request has led.
enum Followed {
    /// Azure still works on it: nothing else is looked at.
    Running(Look),
    /// Nothing is known to run; the last request that is still of interest.
    Over(Option<Flight>),
}

/// Whether the backup instance carries the object's owner tag, as far as `version` shows tags.
fn is_marked(target: &Target, instance: &Instance, version: ApiVersion) -> bool {
    !version.carries_tags() || instance.tag(&target.owner.name) == Some(target.owner.value.as_str())
}

/// What a flight means for the plan.
fn sent(flight: &Flight) -> Sent {
    let changes = flight.kind.changes_azure();
    let may_still_land = changes && flight.may_still_land();
    let fate = match &flight.stage {
        Stage::Failed(error) => Fate::Failed(error.clone()),
        Stage::Unsent => Fate::Unsent,
        Stage::Succeeded if !changes || may_still_land => Fate::Accepted,
        Stage::Lost | Stage::Running(_) if may_still_land => Fate::Lost,
        Stage::Succeeded | Stage::Lost | Stage::Running(_) => Fate::Over,
    };
    Sent { kind: flight.kind, request: flight.request.clone(), fate, may_still_land }
}

fn canceled() -> ServiceError {
    ServiceError {
        code: "OperationCanceled".to_owned(),
        message: "The operation was canceled in Azure.".to_owned(),
        ..ServiceError::default()
    }
}

/// A validation matters only while the object lives and still asks for what was validated. Anything that changes Azure
/// matters until its outcome is known.
fn is_of_interest(flight: &Flight, wanted: Option<&RequestHash>) -> bool {
    flight.kind.changes_azure() || wanted == Some(&flight.request)
}
