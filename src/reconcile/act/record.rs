//! Keeps the books on requests to Azure: what status records before and while they are under way. Pure.

use jiff::Timestamp;

use super::Outcome;
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::{OperationKind, OperationStatus};
use crate::reconcile::flight::{Flight, Stage};
use crate::reconcile::plan::step::{Blocker, Mutation, Request, Rest, Step};

/// What status and memory are to hold about requests under way.
#[derive(Clone, Debug)]
pub struct Record {
    /// `status.operation`.
    pub operation: Option<OperationStatus>,
    /// `status.validatedRequest`.
    pub validated: Option<String>,
    /// What this process remembers.
    pub flight: Option<Flight>,
}

impl Record {
    /// Nothing is under way any more.
    const OVER: Self = Self { operation: None, validated: None, flight: None };

    /// What was under way still is.
    #[must_use]
    pub fn kept(previous: &PostgresBackupStatus, flight: Option<&Flight>) -> Self {
        Self {
            operation: previous.operation.clone(),
            validated: previous.validated_request.clone(),
            flight: flight.cloned(),
        }
    }

    /// The record after a step and what came of it; `flight` is the request as far as it has come.
    #[must_use]
    pub fn after(
        step: &Step,
        outcome: &Outcome,
        previous: &PostgresBackupStatus,
        flight: Option<&Flight>,
        now: Timestamp,
    ) -> Self {
        match (step, flight) {
            (Step::Send(Request::Validate(_) | Request::ValidateChange(_), _), Some(flight))
                if matches!(outcome, Outcome::Accepted) =>
            {
                Self { operation: Some(flight.status()), validated: None, flight: Some(flight.clone()) }
            }
            (Step::Intend(mutation, hash), predecessor) => {
                let flight = Flight::new(mutation.kind(), hash.clone(), now, predecessor);
                let validated = (*mutation == Mutation::Create).then(|| hash.as_str().to_owned());
                Self { operation: Some(flight.status()), validated, flight: Some(flight) }
            }
            (Step::Send(request, _), Some(flight)) if request.kind().changes_azure() => {
                Self::kept(previous, Some(flight))
            }
            (Step::Rest(Rest::Validated(hash)), _) => Self { validated: Some(hash.as_str().to_owned()), ..Self::OVER },
            (Step::Wait(_), flight) => Self::kept(previous, flight),
            // It is tried again at the pace of the trouble, without being stored anew each time.
            (Step::Blocked(Blocker::Refused(kind, _)), Some(flight)) if is_tried_again_as_stored(*kind) => {
                Self::kept(previous, Some(&flight.clone().at(Stage::Unsent)))
            }
            // What stands in the way does not stop what was sent before.
            (Step::Blocked(_), Some(flight)) if flight.kind.changes_azure() && flight.is_unsettled() => {
                Self::kept(previous, Some(flight))
            }
            (Step::Send(..) | Step::Rest(_) | Step::Blocked(_) | Step::Release(_), _) => Self::OVER,
        }
    }

    /// Enters the record into `next`, the status that is to replace `previous`. The path of an operation is worth no write
    /// of its own: it is entered only if there is something else to write.
    #[must_use]
    pub fn entered(&self, mut next: PostgresBackupStatus, previous: &PostgresBackupStatus) -> PostgresBackupStatus {
        next.validated_request.clone_from(&self.validated);
        next.operation.clone_from(&previous.operation);
        if next == *previous && same_request(previous.operation.as_ref(), self.operation.as_ref()) {
            return next;
        }
        next.operation = match (&self.operation, &self.flight) {
            (Some(_), Some(flight)) => Some(flight.status()),
            (operation, _) => operation.clone(),
        };
        next
    }

    /// Enters the record into a status that says nothing new. A validation that is tried again is not worth a write; what
    /// changes Azure is stored before it is sent.
    #[must_use]
    pub fn entered_unless_validating(&self, previous: &PostgresBackupStatus) -> PostgresBackupStatus {
        if self.operation.as_ref().is_some_and(|operation| operation.kind.changes_azure()) {
            self.entered(previous.clone(), previous)
        } else {
            previous.clone()
        }
    }
}

/// Whether a refused request is sent again as it is. A refused create is validated anew, to learn why.
fn is_tried_again_as_stored(kind: OperationKind) -> bool {
    kind.changes_azure() && !matches!(kind, OperationKind::Create | OperationKind::Sync)
}

fn same_request(a: Option<&OperationStatus>, b: Option<&OperationStatus>) -> bool {
    let essence =
        |operation: &OperationStatus| (operation.kind, operation.request_hash.clone(), operation.started_at.0);
    a.map(essence) == b.map(essence)
}
