//! Reads what a pass needs to know from Azure. Changes nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::memory::{Flight, Memory, Stage};
use super::validate::{Desired, Target};
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{
    AzureError, DataProtection, Instance, InstanceRequest, OperationPath, OperationState, RequestHash,
    RunningOperation, ServiceError, Vault, VaultId,
};

/// How long an operation's report is waited for before the backup instance itself is asked how far it got.
/// The longest one seen in recordings took 157 seconds.
const OPERATION_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long a vault's location and settings are taken as read.
const VAULT_TTL: Duration = Duration::from_secs(60 * 60);

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
    /// Nothing of ours runs.
    Seen {
        /// The backup instance, if it exists.
        instance: Option<Box<Instance>>,
        /// The last request to Azure whose outcome is still of interest.
        recorded: Option<Recorded>,
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
pub struct Recorded {
    /// What was asked.
    pub kind: OperationKind,
    /// With which content.
    pub request: RequestHash,
    /// When it was about to be sent.
    pub started_at: Timestamp,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a recorded request.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It certainly had no effect yet.
    Unsent,
    /// Azure answered with an internal error; it may have had its effect.
    Answered,
    /// Nobody knows whether it reached Azure.
    Unknown,
    /// Its operation ended well.
    Succeeded,
    /// Its operation failed.
    Failed(ServiceError),
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
}

impl Observer<'_> {
    /// Reads what a live object needs: its vault, which completes the request, the operation under way and the backup
    /// instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn live(
        &self,
        desired: &Desired,
        status: &PostgresBackupStatus,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<(Wanted, Observed), AzureError> {
        let vault = self.vaults.get(self.azure, desired.target.vault()).await?;
        let request = desired.request(&vault);
        let hash = request.fingerprint(self.azure.version());
        let observed = self.look(&desired.target, Some(&hash), status, memory, now).await?;
        Ok((Wanted { request, hash }, observed))
    }

    /// Reads what a deleted object needs: the operation under way and the backup instance. A vault that is gone, by ARM's
    /// own codes, holds no backup instance.
    ///
    /// # Errors
    /// What Azure answered instead.
    pub async fn deleted(
        &self,
        target: &Target,
        status: &PostgresBackupStatus,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<Observed, AzureError> {
        match self.look(target, None, status, memory, now).await {
            Err(error) if error.is_gone() => Ok(Observed::Seen { instance: None, recorded: None }),
            result => result,
        }
    }

    async fn look(
        &self,
        target: &Target,
        wanted: Option<&RequestHash>,
        status: &PostgresBackupStatus,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Result<Observed, AzureError> {
        let known = known_flight(target, status, memory).filter(|known| is_of_interest(known, wanted));
        let recorded = match known {
            Some((mut recorded, Some(running))) => match self.poll(target.vault(), &running, &recorded, now).await? {
                Report::Running(poll_after) => {
                    memory.poll_after = Some(poll_after);
                    return Ok(Observed::Running { kind: recorded.kind, poll_after });
                }
                Report::Ended(fate) => {
                    memory.flight = Some(ended(&recorded, &fate));
                    recorded.fate = fate;
                    Some(recorded)
                }
            },
            Some((recorded, None)) => Some(recorded),
            None => None,
        };
        let instance = self.azure.instance(&target.instance).await?.map(Box::new);
        Ok(Observed::Seen { instance, recorded })
    }

    async fn poll(
        &self,
        vault: &VaultId,
        running: &RunningOperation,
        recorded: &Recorded,
        now: Timestamp,
    ) -> Result<Report, AzureError> {
        let age = Duration::try_from(now.duration_since(recorded.started_at)).unwrap_or_default();
        if age > OPERATION_PATIENCE {
            return Ok(Report::Ended(Fate::Unknown));
        }
        match self.azure.poll(vault, running).await {
            Ok(OperationState::Running { poll_after }) => {
                Ok(Report::Running(poll_after.unwrap_or(running.poll_after())))
            }
            Ok(OperationState::Succeeded) => Ok(Report::Ended(Fate::Succeeded)),
            Ok(OperationState::Failed(error)) => Ok(Report::Ended(Fate::Failed(error))),
            Ok(OperationState::Canceled) => Ok(Report::Ended(Fate::Failed(canceled()))),
            // The report is gone, the operation need not be: the backup instance will tell.
            Err(error) if matches!(error.status(), Some(404 | 410)) => Ok(Report::Ended(Fate::Unknown)),
            Err(error) => Err(error),
        }
    }
}

enum Report {
    Running(Duration),
    Ended(Fate),
}

/// The request that may be under way: as this process remembers it, else as status has it from an earlier process.
fn known_flight(
    target: &Target,
    status: &PostgresBackupStatus,
    memory: &Memory,
) -> Option<(Recorded, Option<RunningOperation>)> {
    if let Some(flight) = &memory.flight {
        let (fate, running) = match &flight.stage {
            Stage::Unsent => (Fate::Unsent, None),
            Stage::Answered => (Fate::Answered, None),
            Stage::Lost => (Fate::Unknown, None),
            Stage::Finished => (Fate::Succeeded, None),
            Stage::Running(running) => (Fate::Unknown, Some(running.clone())),
        };
        let recorded =
            Recorded { kind: flight.kind, request: flight.request.clone(), started_at: flight.started_at, fate };
        return Some((recorded, running));
    }
    let operation = status.operation.as_ref()?;
    let recorded = Recorded {
        kind: operation.kind,
        request: RequestHash::from_stored(&operation.request_hash),
        started_at: operation.started_at.0,
        fate: Fate::Unknown,
    };
    // A path that is not one of this vault's operations was not written by the operator; the instance will tell.
    let subscription = target.vault().subscription();
    let path = operation.path.as_deref().and_then(|path| OperationPath::parse_stored(path, subscription).ok());
    let poll_after = operation.poll_after_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    let poll_after = poll_after.map_or(RunningOperation::DEFAULT_POLL_AFTER, Duration::from_secs);
    let running = path.map(|path| RunningOperation::new(path, poll_after));
    Some((recorded, running))
}

/// What is remembered of a request whose operation need not be polled any more.
fn ended(recorded: &Recorded, fate: &Fate) -> Flight {
    let stage = match fate {
        Fate::Succeeded | Fate::Failed(_) => Stage::Finished,
        Fate::Unsent | Fate::Answered | Fate::Unknown => Stage::Lost,
    };
    Flight { kind: recorded.kind, request: recorded.request.clone(), started_at: recorded.started_at, stage }
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
fn is_of_interest((recorded, _): &(Recorded, Option<RunningOperation>), wanted: Option<&RequestHash>) -> bool {
    recorded.kind != OperationKind::Validate || wanted == Some(&recorded.request)
}
