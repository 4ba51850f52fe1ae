//! A request that changes Azure, or asks it to validate, and how far this process knows it to have come.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::time::Instant;

use crate::api::conditions;
use crate::api::v1alpha1::{OperationKind, OperationStatus};
use crate::azure::{OperationPath, RequestHash, RunningOperation, ServiceError, SubscriptionId};

/// How long a request whose outcome is unknown may still take effect. Until then nothing is sent again and nothing is
/// let go: a PUT that lands late must not become an orphan.
pub const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

/// How long after it was stored a request may be sent as it is. Later it has to be made sure first that the object is
/// still the one that it was stored for.
const FRESHNESS: Duration = Duration::from_secs(10);

/// Longest path that status takes; a longer one is only remembered.
const MAX_PATH: usize = 8192;

/// A request to Azure and how far it has come.
#[derive(Clone, Debug)]
pub struct Flight {
    /// What is asked.
    pub kind: OperationKind,
    /// With which content.
    pub request: RequestHash,
    /// How far it has come.
    pub stage: Stage,
    /// When it was about to be sent, as status has it.
    started_at: Timestamp,
    /// When this process stored it, found it in status, or last sent it. Counted monotonically: a request that an earlier
    /// process recorded is as uncertain as one that was sent just now.
    since: Instant,
    /// When an attempt at it, or at its predecessor, was last answered with an internal error.
    doubted_at: Option<Instant>,
}

/// How far a request has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// It is to be sent: it never was, or Azure turned it away.
    Unsent,
    /// It was sent, and its answer was lost or is still awaited.
    Lost,
    /// Azure accepted it and works on it.
    Running(RunningOperation),
    /// Azure accepted it and has nothing left to do.
    Succeeded,
    /// Azure accepted it, and its operation failed.
    Failed(ServiceError),
}

impl Flight {
    /// A request that is about to be sent. `predecessor` is an earlier attempt that may have had its effect.
    #[must_use]
    pub fn new(kind: OperationKind, request: RequestHash, now: Timestamp, predecessor: Option<&Self>) -> Self {
        Self {
            kind,
            request,
            stage: Stage::Unsent,
            started_at: now,
            since: Instant::now(),
            doubted_at: predecessor.and_then(|flight| flight.doubted_at),
        }
    }

    /// A request that an earlier process recorded in status. Without a path nobody knows whether it reached Azure; a path
    /// that is not one of this subscription's operations was not written by the operator.
    #[must_use]
    pub fn recorded(operation: &OperationStatus, subscription: &SubscriptionId) -> Self {
        let path = operation.path.as_deref().and_then(|path| OperationPath::parse_stored(path, subscription).ok());
        let poll_after = operation.poll_after_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let poll_after = poll_after.map_or(RunningOperation::DEFAULT_POLL_AFTER, Duration::from_secs);
        Self {
            kind: operation.kind,
            request: RequestHash::from_stored(&operation.request_hash),
            stage: path.map_or(Stage::Lost, |path| Stage::Running(RunningOperation::new(path, poll_after))),
            started_at: operation.started_at.0,
            since: Instant::now(),
            doubted_at: None,
        }
    }

    /// The same request, further on.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    /// The request as it is sent: until its answer is there, it counts as lost.
    #[must_use]
    pub fn departing(self) -> Self {
        Self { since: Instant::now(), ..self.at(Stage::Lost) }
    }

    /// The request after an internal error of Azure: it can be sent again, and may have had its effect all the same.
    #[must_use]
    pub fn doubted(self) -> Self {
        Self { doubted_at: Some(Instant::now()), ..self.at(Stage::Unsent) }
    }

    /// How long ago it was stored, found or last sent.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether it was stored a moment ago, for the present version of the object.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.age() < FRESHNESS
    }

    /// Whether it, or an earlier attempt at it, may take effect after now.
    #[must_use]
    pub fn may_still_land(&self) -> bool {
        let doubted = self.doubted_at.is_some_and(|since| since.elapsed() < UNCERTAINTY);
        doubted
            || match self.stage {
                Stage::Unsent | Stage::Failed(_) => false,
                Stage::Running(_) => true,
                Stage::Lost | Stage::Succeeded => self.age() < UNCERTAINTY,
            }
    }

    /// The request as status records it.
    #[must_use]
    pub fn status(&self) -> OperationStatus {
        let running = match &self.stage {
            Stage::Running(running) => Some(running),
            _ => None,
        };
        OperationStatus {
            kind: self.kind,
            request_hash: self.request.as_str().to_owned(),
            started_at: Time(conditions::whole_seconds(self.started_at)),
            path: running
                .map(|running| running.path().as_str())
                .filter(|path| path.len() <= MAX_PATH)
                .map(str::to_owned),
            poll_after_seconds: running.and_then(|running| i32::try_from(running.poll_after().as_secs()).ok()),
        }
    }
}
