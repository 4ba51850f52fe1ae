//! What every pass shares: clients, settings, caches, the clock.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use kube::runtime::events::Recorder;
use kube::{Client, ResourceExt};

use super::authorize::authority::Authority;
use super::authorize::identities::Identities;
use super::brake::Brake;
use super::memory::Memories;
use super::observe::neighbours::Neighbours;
use super::observe::vaults::VaultCache;
use super::settings::Settings;
use super::stored::Stored;
use crate::api::PostgresBackup;
use crate::api::conditions;
use crate::api::v1alpha1::{Issue, IssueSource, OperationKind};
use crate::azure::Limitation;

/// Is told what passes do that somebody may want to count.
pub trait PassObserver: Send + Sync {
    /// So many deletions are held by the brake.
    fn deletions_held(&self, count: usize);
    /// A backup instance of this vault was deleted; until when that can be undone, if Azure says so.
    fn deleted(&self, vault: &str, undo_until: Option<Timestamp>);
    /// Somebody else has changed what the operator is about to put right in this way.
    fn drift_found(&self, kind: OperationKind);
    /// The operator has put right what somebody else had changed.
    fn drift_corrected(&self, kind: OperationKind);
}

/// Tells the time; a test's clock follows the test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that starts at `epoch` and follows tokio's time, which a test can pause.
    #[must_use]
    pub fn following_tokio(epoch: Timestamp) -> Self {
        let start = tokio::time::Instant::now();
        Self(Arc::new(move || epoch.checked_add(start.elapsed()).unwrap_or(Timestamp::MAX)))
    }

    /// The present time, as exactly as the clock tells it.
    #[must_use]
    pub fn exact(&self) -> Timestamp {
        (self.0)()
    }

    /// The present time, in whole seconds, as Kubernetes stores times.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        conditions::whole_seconds(self.exact())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// What every pass shares.
pub struct Context {
    /// The Kubernetes API.
    pub client: Client,
    /// Publishes events.
    pub recorder: Recorder,
    /// Azure, as whom grants say.
    pub identities: Identities,
    /// What objects are permitted.
    pub authority: Arc<Authority>,
    /// Vaults as last read.
    pub vaults: VaultCache,
    /// The other objects of the cluster.
    pub neighbours: Neighbours,
    /// Holds mass deletion.
    pub brake: Brake,
    /// What is remembered of each object.
    pub memories: Memories,
    /// What the operator was told.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
    /// Counts what passes do.
    pub observer: Arc<dyn PassObserver>,
}

impl Context {
    /// What passes share that have not begun yet.
    #[must_use]
    pub fn new(
        client: Client,
        recorder: Recorder,
        identities: Identities,
        settings: Settings,
        clock: Clock,
        observer: Arc<dyn PassObserver>,
    ) -> Self {
        let authority = Arc::new(Authority::new(settings.clone()));
        Self {
            neighbours: Neighbours::new(client.clone(), settings.cluster_name.clone(), Arc::clone(&authority)),
            authority,
            brake: Brake::new(settings.brake),
            vaults: VaultCache::default(),
            memories: Memories::default(),
            client,
            recorder,
            identities,
            settings,
            clock,
            observer,
        }
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.memories.forget(uid);
        self.authority.forget(uid);
        self.brake.release(uid);
        self.observer.deletions_held(self.brake.held());
    }

    /// Forgets an object that went while a pass over it was running, and whatever that pass has left to be remembered.
    pub fn forget_if_gone(&self, stored: &Stored) {
        if !self.neighbours.watches(stored) {
            self.forget(&stored.uid().unwrap_or_default());
        }
    }

    /// Forgets the objects that went while nobody watched.
    pub fn forget_all_but_watched(&self) {
        let uids = self.neighbours.uids();
        self.memories.retain(&uids);
        self.brake.retain(&uids);
        self.authority.retain(&uids);
        self.observer.deletions_held(self.brake.held());
    }

    /// What the configured api-version cannot express of this object.
    #[must_use]
    pub fn compatibility(&self, object: &PostgresBackup) -> Vec<Issue> {
        let spec = &object.spec;
        let concerns = |limitation: &Limitation| match limitation {
            Limitation::NoCredentials => spec.key_vault_secret.is_some(),
            Limitation::NoTags => true,
            Limitation::NoIdentity => spec.vault.user_assigned_identity.is_some(),
        };
        let limitations = self.identities.version().limitations();
        limitations.into_iter().filter(concerns).map(|limitation| self.limitation_issue(limitation)).collect()
    }

    fn limitation_issue(&self, limitation: Limitation) -> Issue {
        Issue {
            source: IssueSource::Compatibility,
            code: limitation.code().to_owned(),
            message: limitation.text().to_owned(),
            detail: None,
            recommended_actions: Vec::new(),
            target: Some(format!("api-version {}", self.identities.version())),
            activity_id: None,
        }
    }
}
