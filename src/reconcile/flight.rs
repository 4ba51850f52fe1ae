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
    /// When its operation was last looked at.
    looked_at: Option<Instant>,
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
    /// It was a question that Azure does not answer: the operator may not ask it, or Azure does not know it.
    Unjudged,
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
            looked_at: None,
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
            looked_at: None,
            doubted_at: None,
        }
    }

    /// The same request, further on.
    #[must_use]
    pub fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    /// The same request, as Azure has just shown it.
    #[must_use]
    pub fn shown(self, stage: Stage) -> Self {
        Self { looked_at: Some(Instant::now()), ..self.at(stage) }
    }

    /// Its operation, while that runs.
    #[must_use]
    pub fn operation(&self) -> Option<&RunningOperation> {
        match &self.stage {
            Stage::Running(operation) => Some(operation),
            _ => None,
        }
    }

    /// How long its operation is not to be looked at yet, because Azure asked for a pause between two looks.
    #[must_use]
    pub fn respite(&self) -> Option<Duration> {
        let respite = self.operation()?.poll_after().checked_sub(self.looked_at?.elapsed())?;
        (!respite.is_zero()).then_some(respite)
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
                Stage::Unsent | Stage::Failed(_) | Stage::Unjudged => false,
                Stage::Running(_) => true,
                Stage::Lost | Stage::Succeeded => self.age() < UNCERTAINTY,
            }
    }

    /// Whether Azure has accepted it, and it is too late for an effect that does not show yet.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.may_still_land() && matches!(self.stage, Stage::Succeeded)
    }

    /// Whether Azure may still be at work on it, or may not even have received it yet; also on an earlier attempt that it
    /// answered with an internal error.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.may_still_land() && matches!(self.stage, Stage::Unsent | Stage::Lost | Stage::Running(_))
    }

    /// The request as status records it.
    #[must_use]
    pub fn status(&self) -> OperationStatus {
        let running = self.operation();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::reconcile::testing::{VAULT, now};

    const STEP: Duration = Duration::from_secs(1);

    fn flight() -> Flight {
        Flight::new(OperationKind::Create, RequestHash::of_text("request"), now(), None)
    }

    fn subscription() -> SubscriptionId {
        VAULT.parse::<crate::azure::VaultId>().unwrap().subscription().clone()
    }

    fn operation() -> RunningOperation {
        let path = format!("{VAULT}/operationStatus/x?api-version=2026-03-01");
        RunningOperation::new(OperationPath::parse_stored(&path, &subscription()).unwrap(), Duration::from_secs(15))
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_which_a_request_may_land_counts_from_when_it_was_last_sent() {
        let stored = flight();
        tokio::time::advance(UNCERTAINTY * 2).await;
        assert!(!stored.may_still_land() && !stored.is_fresh());
        let sent = stored.departing();
        tokio::time::advance(UNCERTAINTY - STEP).await;
        assert!(sent.may_still_land());
        tokio::time::advance(STEP).await;
        assert!(!sent.may_still_land());
    }

    #[tokio::test(start_paused = true)]
    async fn an_internal_error_leaves_a_doubt_that_a_new_attempt_inherits() {
        let doubted = flight().departing().doubted();
        tokio::time::advance(UNCERTAINTY - STEP).await;
        let next = Flight::new(OperationKind::Create, RequestHash::of_text("another"), now(), Some(&doubted));
        assert!(doubted.may_still_land() && next.may_still_land());
        assert!(doubted.is_unsettled() && next.is_unsettled(), "what stands in the way must not have it forgotten");
        tokio::time::advance(STEP).await;
        assert!(!doubted.may_still_land() && !next.may_still_land());
        assert!(!doubted.is_unsettled() && !next.is_unsettled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_process_recorded_may_still_land_whatever_its_clock_said() {
        for offset in [-86_400, 0, 86_400] {
            let mut recorded = flight().status();
            recorded.started_at = Time(now() + jiff::SignedDuration::from_secs(offset));
            let found = Flight::recorded(&recorded, &subscription());
            assert!(found.may_still_land(), "{offset}");
            tokio::time::advance(UNCERTAINTY).await;
            assert!(!found.may_still_land(), "{offset}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_operation_is_stored_with_its_path_and_looked_at_no_sooner_than_azure_asks() {
        let running = flight().departing().shown(Stage::Running(operation()));
        let status = running.status();
        assert_eq!((status.path.as_deref(), status.poll_after_seconds), (Some(operation().path().as_str()), Some(15)));
        assert_eq!(running.respite(), Some(Duration::from_secs(15)));
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(running.respite(), None);
        assert_eq!(Flight::recorded(&status, &subscription()).respite(), None);
    }

    #[test]
    fn a_path_that_is_no_operation_of_the_subscription_is_not_followed() {
        let mut status = flight().at(Stage::Running(operation())).status();
        status.path = Some("/subscriptions/other/providers/Microsoft.DataProtection/operationStatus/x".to_owned());
        assert!(matches!(Flight::recorded(&status, &subscription()).stage, Stage::Lost));
    }
}
