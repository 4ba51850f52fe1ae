//! Reads what a pass needs to know from Azure. Changes nothing, neither there nor here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::flight::{Flight, Stage};
use super::validate::{Desired, Target};
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{
    AzureError, DataProtection, Instance, InstanceRequest, OperationState, RequestHash, RunningOperation, ServiceError,
    Vault, VaultId,
};

/// How long an operation's report is relied on before the backup instance itself is asked as well how far it got.
/// The longest one seen in recordings took 157 seconds.
const OPERATION_PATIENCE: Duration = Duration::from_secs(15 * 60);

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
    /// The backup instance was read.
    Seen {
        /// The backup instance, if it exists.
        instance: Option<Box<Instance>>,
        /// The last request to Azure that is still of interest.
        sent: Option<Sent>,
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

/// Reads Azure for an object.
#[derive(Debug)]
pub struct Observer<'a> {
    /// Azure.
    pub azure: &'a DataProtection,
    /// Vaults as last read.
    pub vaults: &'a VaultCache,
    /// The request under way as this process remembers it.
    pub remembered: Option<&'a Flight>,
}

impl Observer<'_> {
    /// Reads what a live object needs: its vault, which completes the request, the operation under way and the backup
    /// instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn live(&self, desired: &Desired, status: &PostgresBackupStatus) -> Result<(Wanted, Look), AzureError> {
        let vault = self.vaults.get(self.azure, desired.target.vault()).await?;
        let request = desired.request(&vault);
        let hash = desired.hash(&request, self.azure.version());
        let look = self.look(&desired.target, Some(&hash), status).await?;
        Ok((Wanted { request, hash }, look))
    }

    /// Reads what a deleted object needs: the operation under way and the backup instance. A vault that is gone, by ARM's
    /// own codes, holds no backup instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn deleted(&self, target: &Target, status: &PostgresBackupStatus) -> Result<Look, AzureError> {
        match self.look(target, None, status).await {
            Err(error) if error.is_gone() => {
                let observed = Observed::Seen { instance: None, sent: None };
                Ok(Look { observed, flight: None })
            }
            result => result,
        }
    }

    async fn look(
        &self,
        target: &Target,
        wanted: Option<&RequestHash>,
        status: &PostgresBackupStatus,
    ) -> Result<Look, AzureError> {
        let subscription = target.vault().subscription();
        let recorded = || status.operation.as_ref().map(|operation| Flight::recorded(operation, subscription));
        let mut flight = self.remembered.cloned().or_else(recorded).filter(|flight| is_of_interest(flight, wanted));
        if let Some((kind, poll_after)) = flight.as_ref().and_then(|flight| Some((flight.kind, flight.respite()?))) {
            return Ok(Look { observed: Observed::Running { kind, poll_after }, flight });
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
            return Ok(Look { observed, flight });
        }
        let instance = self.azure.instance(&target.instance).await?.map(Box::new);
        let observed = Observed::Seen { instance, sent: flight.as_ref().map(sent) };
        Ok(Look { observed, flight })
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
