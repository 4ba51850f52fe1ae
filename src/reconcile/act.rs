//! Performs the one step that was planned: at most one request that changes Azure. Nothing else changes Azure.

pub mod record;

use jiff::Timestamp;

use super::flight::{Flight, Stage};
use super::plan::step::{Action, Request, Step};
use super::validate::Target;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{AzureError, DataProtection, Delivery, ErrorClass, RequestHash, Started};
use crate::error_chain;

/// What came of the step.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing was to be sent.
    Quiet,
    /// Azure accepted the request.
    Accepted,
    /// Azure refused the request, or its answer was lost.
    Failed(OperationKind, AzureError),
}

/// Performs `step`, and says what came of it and how far the request has come: `None` once it is over.
pub async fn perform(
    azure: &DataProtection,
    target: &Target,
    step: &Step,
    flight: Option<Flight>,
    now: Timestamp,
) -> (Outcome, Option<Flight>) {
    let Step::Send(request, hash) = step else {
        return (Outcome::Quiet, flight);
    };
    let kind = request.kind();
    let answer = match request {
        Request::Validate(request) => azure.validate_for_backup(target.vault(), request).await,
        Request::Create(body) | Request::Update(body) => azure.put_instance(&target.instance, body).await,
        Request::ValidateChange(properties) => azure.validate_for_modify(&target.instance, properties).await,
        Request::Sync => azure.sync(&target.instance).await,
        Request::Act(Action::Resume) => azure.resume_protection(&target.instance).await,
        Request::Act(Action::Suspend) => azure.suspend_backups(&target.instance).await,
        Request::Act(Action::Stop) => azure.stop_protection(&target.instance).await,
        Request::Act(Action::Undelete) => azure.undelete(&target.instance).await,
        Request::Act(Action::Delete) => azure.delete_instance(&target.instance).await,
    };
    log(kind, target, &answer);
    settle(kind, hash, flight, answer, now)
}

/// What came of a request that was answered, or whose answer was lost. Pure.
pub(super) fn settle(
    kind: OperationKind,
    hash: &RequestHash,
    flight: Option<Flight>,
    answer: Result<Started, AzureError>,
    now: Timestamp,
) -> (Outcome, Option<Flight>) {
    // A sync in between makes way for what is stored, and is not followed itself.
    if kind == OperationKind::Sync
        && let Some(stored) = flight.as_ref().filter(|flight| flight.kind != OperationKind::Sync)
    {
        let outcome = answer.map_or_else(|error| Outcome::Failed(kind, error), |_| Outcome::Accepted);
        return (outcome, Some(stored.clone()));
    }
    // What changes Azure was stored before, and goes on from there.
    let stored = flight.filter(|flight| kind.changes_azure() && flight.kind == kind);
    let flight = stored.unwrap_or_else(|| Flight::new(kind, hash.clone(), now, None)).departing();
    match answer {
        Ok(Started::Running(running)) => (Outcome::Accepted, Some(flight.shown(Stage::Running(running)))),
        Ok(Started::Finished) => (Outcome::Accepted, Some(flight.at(Stage::Succeeded))),
        // What Azure answers to this question was never recorded: no answer must not stand in the way of a change.
        Err(error)
            if kind == OperationKind::ValidateChange && matches!(error.status(), Some(403 | 404 | 405 | 501)) =>
        {
            (Outcome::Accepted, Some(flight.at(Stage::Unjudged)))
        }
        Err(error) if kind == OperationKind::ValidateChange && is_answer(&error) => {
            (Outcome::Accepted, Some(flight.at(Stage::Failed(error.service_error()))))
        }
        Err(error) => {
            let flight = turned_away(flight, &error);
            (Outcome::Failed(kind, error), flight)
        }
    }
}

fn log(kind: OperationKind, target: &Target, answer: &Result<Started, AzureError>) {
    let (instance, vault) = (target.instance.name(), target.vault().name());
    match answer {
        Ok(_) => tracing::info!(operation = ?kind, %instance, vault, "Azure accepted the request"),
        Err(error) => {
            let error = error_chain::one_line(error);
            tracing::warn!(operation = ?kind, %instance, vault, error, "Azure did not accept the request");
        }
    }
}

/// Whether Azure has said no, rather than that it cannot answer now.
fn is_answer(error: &AzureError) -> bool {
    error.delivery() == Delivery::Refused && error.status() != Some(401) && !error.class().is_passing()
}

/// How far a request has come that was not accepted; `None` once it is over.
fn turned_away(flight: Flight, error: &AzureError) -> Option<Flight> {
    let at_the_door = matches!(error.status(), Some(401 | 403));
    match (flight.kind, error.delivery(), error.class()) {
        // A validation changes nothing, and a sync nothing that a second one would not: they are simply asked for again.
        (OperationKind::Validate | OperationKind::ValidateChange | OperationKind::Sync, _, _) => None,
        // There is nothing to undelete any more.
        (OperationKind::Undelete, Delivery::Refused, _) if error.status() == Some(404) => None,
        (_, Delivery::Unknown, _) => Some(flight.at(Stage::Lost)),
        (_, Delivery::Refused, ErrorClass::Transient) => Some(flight.doubted()),
        (_, Delivery::NotSent, _) | (_, Delivery::Refused, ErrorClass::Throttled | ErrorClass::Busy) => {
            Some(flight.at(Stage::Unsent))
        }
        // What Azure refuses to create is validated anew, to learn why. The same request is good once the operator is let in.
        (OperationKind::Create, Delivery::Refused, _) if !at_the_door => None,
        (_, Delivery::Refused, _) => Some(flight.at(Stage::Unsent)),
    }
}
