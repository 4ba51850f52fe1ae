//! Follows the request under way: either it still runs, or the backup instance has to be asked.

use std::time::Duration;

use super::observed::{Look, Observed};
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{AzureError, DataProtection, OperationState, RequestHash, RunningOperation, ServiceError, VaultId};
use crate::reconcile::flight::{Flight, Stage};
use crate::reconcile::validate::Target;

/// How long an operation's report is relied on before the backup instance itself is asked as well how far it got.
/// The longest one seen in recordings took 157 seconds.
const OPERATION_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Where following a request has led.
#[expect(clippy::large_enum_variant, reason = "there is one per pass, and none is kept")]
pub(in crate::reconcile) enum Followed {
    /// Azure still works on it: nothing else is looked at.
    Running(Look),
    /// Nothing is known to run; the last request that is still of interest.
    Over(Option<Flight>),
}

/// Follows the request under way, as this process remembers it or status has it. `wanted` is what the specification
/// amounts to, unless the object is deleted.
///
/// # Errors
/// Why an operation could not be looked at.
pub(in crate::reconcile) async fn follow(
    azure: &DataProtection,
    target: &Target,
    wanted: Option<&RequestHash>,
    status: &PostgresBackupStatus,
    remembered: Option<&Flight>,
) -> Result<Followed, AzureError> {
    let subscription = target.vault().subscription();
    let recorded = || status.operation.as_ref().map(|operation| Flight::recorded(operation, subscription));
    let mut flight = remembered.cloned().or_else(recorded).filter(|flight| is_of_interest(flight, wanted));
    if let Some((kind, poll_after)) = flight.as_ref().and_then(|flight| Some((flight.kind, flight.respite()?))) {
        return Ok(Followed::Running(Look { observed: Observed::Running { kind, poll_after }, flight }));
    }
    if let Some((kind, operation)) = flight.as_ref().and_then(|flight| Some((flight.kind, flight.operation()?))) {
        match poll(azure, target.vault(), kind, operation).await {
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
async fn poll(
    azure: &DataProtection,
    vault: &VaultId,
    kind: OperationKind,
    operation: &RunningOperation,
) -> Result<Stage, AzureError> {
    Ok(match azure.poll(vault, operation).await {
        Ok(OperationState::Running { poll_after }) => {
            let poll_after = poll_after.unwrap_or(operation.poll_after());
            Stage::Running(RunningOperation::new(operation.path().clone(), poll_after))
        }
        Ok(OperationState::Succeeded) => Stage::Succeeded,
        Ok(OperationState::Failed(error)) => Stage::Failed(error),
        Ok(OperationState::Canceled) => Stage::Failed(canceled()),
        // The report is gone, or only whoever started the operation may read it, or it is none of this vault's.
        Err(error)
            if matches!(error.status(), Some(401 | 403 | 404 | 410)) || matches!(error, AzureError::PollUrl { .. }) =>
        {
            unreported(kind, &error)
        }
        Err(error) => return Err(error),
    })
}

/// What becomes of a request whose report cannot be had. One that changes Azure may go on all the same: the backup instance
/// will tell. A question has no answer then, and asking it again at once could go on for ever.
fn unreported(kind: OperationKind, error: &AzureError) -> Stage {
    match (kind, error.status()) {
        (OperationKind::Validate | OperationKind::ValidateChange, Some(404 | 410)) => Stage::Failed(report_gone()),
        (OperationKind::ValidateChange, Some(401 | 403)) => Stage::Unjudged,
        (OperationKind::Validate | OperationKind::ValidateChange, _) => Stage::Failed(error.service_error()),
        _ => Stage::Lost,
    }
}

fn report_gone() -> ServiceError {
    ServiceError {
        code: "OperationNotFound".to_owned(),
        message: "Azure no longer knows what came of the validation; it is asked again.".to_owned(),
        ..ServiceError::default()
    }
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
pub(in crate::reconcile) fn is_of_interest(flight: &Flight, wanted: Option<&RequestHash>) -> bool {
    flight.kind.changes_azure() || wanted == Some(&flight.request)
}
