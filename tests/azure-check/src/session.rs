//! The one backup instance of a run: looks at it, and waits until Azure is done with it.

mod body;
mod reach;
mod send;

use std::sync::Arc;
use std::time::Duration;

use postgres_backup_operator::azure::{
    ApiVersion, AzureError, BackupInstanceId, DataProtection, ErrorClass, InstanceRequest, OperationState, PolicyId,
    RunningOperation, SoftDelete, Vault,
};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::observation::{End, Found};
use crate::timer::Timer;

pub use reach::InFlight;
pub use send::Sent;

/// How often an instance that is on its way is looked at; the interval that Azure asks for after a PUT.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How long Azure may take for anything. The longest that was recorded is under three minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How often a read is tried whose failure may pass.
const ATTEMPTS: usize = 5;

/// How long is waited before that.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Why a run ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// Somebody asked for it.
    #[error("interrupted")]
    Interrupted,
    /// Azure does not let the instance be looked at any more.
    #[error("Azure cannot be asked any further")]
    Azure(#[from] AzureError),
    /// Azure does not get done.
    #[error("{what} for more than {} minutes", PATIENCE.as_secs() / 60)]
    Stuck {
        /// What goes on and on.
        what: String,
    },
}

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum Setback {
    /// This one could not be done; others may.
    #[error("{0}")]
    Prevented(String),
    /// Nothing more can be done in this run.
    #[error(transparent)]
    Halted(#[from] Halt),
}

/// What a session is about.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The instance. Nothing else is ever written.
    pub instance: BackupInstanceId,
    /// What creates it.
    pub request: InstanceRequest,
    /// Another policy for it.
    pub other_policy: Option<PolicyId>,
    /// Its vault.
    pub vault: Vault,
}

/// A run's dealings with its instance.
pub struct Session {
    client: Client,
    scene: Scene,
    timer: Arc<dyn Timer>,
    stop: CancellationToken,
    /// A request of ours that may still be under way, for the trials that look at that.
    in_flight: Option<InFlight>,
    /// Whether nothing was sent since the instance was last seen at rest.
    calm: bool,
    /// Whether anything was written at all, so that there may be something to clean up.
    touched: bool,
    /// Whether the answer to a PUT that creates the instance was lost, so that it may still appear.
    doubtful: bool,
    /// The policy that the last PUT asked for, and the one that the instance showed last.
    asked_policy: Option<PolicyId>,
    shown_policy: Option<PolicyId>,
}

impl Session {
    /// A session that breaks off once `stop` is cancelled.
    pub fn new(client: Client, scene: Scene, timer: Arc<dyn Timer>, stop: CancellationToken) -> Self {
        Self {
            client,
            scene,
            timer,
            stop,
            in_flight: None,
            calm: false,
            touched: false,
            doubtful: false,
            asked_policy: None,
            shown_policy: None,
        }
    }

    /// What it is about.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The operator's client.
    pub fn azure(&self) -> &DataProtection {
        &self.client.azure
    }

    /// Whether anything was written.
    pub fn has_written(&self) -> bool {
        self.touched
    }

    /// Whether the instance may still appear.
    pub fn may_still_appear(&self) -> bool {
        self.doubtful
    }

    /// From now on, breaks off only once `stop` is cancelled.
    pub fn continue_until(&mut self, stop: CancellationToken) {
        self.stop = stop;
    }

    /// The newest api-version whose DELETE is final in a vault whose soft delete is off, or the one that is set if that is
    /// older; nothing if the vault keeps what is deleted.
    pub fn version_without_soft_delete(&self) -> Option<ApiVersion> {
        let newest = ApiVersion::ALL.iter().copied().rev().find(|version| !version.always_soft_deletes());
        newest
            .filter(|_| self.scene.vault.soft_delete == SoftDelete::Off)
            .map(|newest| newest.min(self.azure().version()))
    }

    /// Whether the instance has the policy that the last PUT asked for.
    pub fn has_asked_policy(&self) -> bool {
        self.asked_policy.is_some() && self.asked_policy == self.shown_policy
    }

    /// What is there now.
    ///
    /// # Errors
    /// When Azure does not say.
    pub async fn look(&mut self) -> Result<Found, Halt> {
        let (azure, id) = (self.azure().clone(), self.scene.instance.clone());
        if let Some(instance) = self.reading(async || azure.instance(&id).await).await? {
            self.shown_policy = instance.policy();
            return Ok(Found::Instance { state: instance.protection_state, error: instance.protection_error });
        }
        if !azure.version().shows_deleted_instances() {
            return Ok(Found::Nothing);
        }
        let deleted = self.reading(async || azure.deleted_instance(&id).await).await?;
        Ok(deleted.map_or(Found::Nothing, |deleted| Found::SoftDeleted { until: deleted.scheduled_purge_time }))
    }

    /// What is there once Azure is done with it: after something was sent, what two looks in a row have shown.
    ///
    /// # Errors
    /// When Azure does not say, or does not get done.
    pub async fn look_at_rest(&mut self) -> Result<Found, Halt> {
        let mut waited = Duration::ZERO;
        let mut before = None;
        loop {
            let found = self.look().await?;
            let confirmed = self.calm || before.as_ref() == Some(&found);
            if confirmed && !found.is_on_its_way() {
                self.calm = true;
                return Ok(found);
            }
            if waited >= PATIENCE {
                return Err(Halt::Stuck { what: format!("the backup instance has shown {found}") });
            }
            before = Some(found);
            waited += LOOK_EVERY;
            self.pause(LOOK_EVERY).await?;
        }
    }

    /// Follows an operation to its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn follow(&self, running: &RunningOperation) -> Result<End, Halt> {
        let mut waited = Duration::ZERO;
        let mut wait = running.poll_after();
        while waited < PATIENCE {
            self.pause(wait).await?;
            waited += wait;
            let polled = self.reading(async || self.azure().poll(self.scene.instance.vault(), running).await).await;
            wait = match polled {
                Ok(OperationState::Running { poll_after }) => poll_after.unwrap_or(running.poll_after()),
                Ok(OperationState::Succeeded) => return Ok(End::Succeeded),
                Ok(OperationState::Failed(error)) => return Ok(End::Failed(error)),
                Ok(OperationState::Canceled) => return Ok(End::Canceled),
                Err(Halt::Azure(error)) => return Ok(End::Unreadable(error.to_string())),
                Err(halt) => return Err(halt),
            };
        }
        Err(Halt::Stuck { what: "an operation has run".to_owned() })
    }

    /// Reads, again if the failure may pass by itself.
    ///
    /// # Errors
    /// The failure that stayed.
    pub async fn reading<T>(&self, read: impl AsyncFn() -> Result<T, AzureError>) -> Result<T, Halt> {
        for _ in 1..ATTEMPTS {
            match read().await {
                Err(error) if may_pass(&error) => {
                    self.pause(error.retry_after().unwrap_or(TRY_AGAIN_AFTER)).await?;
                }
                done => return Ok(done?),
            }
        }
        Ok(read().await?)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// When somebody asked for the end.
    pub async fn pause(&self, time: Duration) -> Result<(), Halt> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Halt::Interrupted),
            () = self.timer.wait(time) => Ok(()),
        }
    }
}

/// Whether the same request may succeed a little later.
fn may_pass(error: &AzureError) -> bool {
    matches!(error.class(), ErrorClass::Transient | ErrorClass::Throttled | ErrorClass::Busy)
}
