//! Performs the one step that was planned: at most one request that changes Azure. Nothing else changes Azure.

use jiff::Timestamp;

use super::memory::{Flight, Memory, Stage};
use super::step::{Request, Step};
use super::validate::Target;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{AzureError, DataProtection, Delivery, ErrorClass, RequestHash, Started};

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

/// Performs `step` and notes in `memory` how far the request has come.
pub async fn perform(
    azure: &DataProtection,
    target: &Target,
    step: &Step,
    memory: &mut Memory,
    now: Timestamp,
) -> Outcome {
    let Step::Send(request, hash) = step else {
        return Outcome::Quiet;
    };
    let answer = match request {
        Request::Validate(request) => azure.validate_for_backup(target.vault(), request).await,
        Request::Create(body) | Request::Update(body) => azure.put_instance(&target.instance, body).await,
        Request::Delete => azure.delete_instance(&target.instance).await,
    };
    note(memory, request.kind(), hash, &answer, now);
    match answer {
        Ok(_) => Outcome::Accepted,
        Err(error) => Outcome::Failed(request.kind(), error),
    }
}

fn note(
    memory: &mut Memory,
    kind: OperationKind,
    hash: &RequestHash,
    answer: &Result<Started, AzureError>,
    now: Timestamp,
) {
    let stage = match answer {
        Ok(Started::Running(running)) => {
            memory.poll_after = Some(running.poll_after());
            Some(Stage::Running(running.clone()))
        }
        Ok(Started::Finished) => Some(Stage::Finished),
        // A validation changes nothing: it is simply asked for again.
        Err(_) if kind == OperationKind::Validate => None,
        Err(error) => stage_after(error),
    };
    let started_at = match &memory.flight {
        Some(flight) if kind != OperationKind::Validate && flight.kind == kind => flight.started_at,
        _ => now,
    };
    memory.flight = stage.map(|stage| Flight { kind, request: hash.clone(), started_at, stage });
}

/// How far a request has come that was not accepted; `None` once it is certain to be over without effect.
fn stage_after(error: &AzureError) -> Option<Stage> {
    match (error.delivery(), error.class()) {
        (Delivery::Unknown, _) => Some(Stage::Lost),
        (Delivery::Refused, ErrorClass::Transient) => Some(Stage::Answered),
        (Delivery::NotSent, _) | (Delivery::Refused, ErrorClass::Throttled | ErrorClass::Busy) => Some(Stage::Unsent),
        // Turned away at the door: the same request is good once the operator is let in.
        (Delivery::Refused, _) if matches!(error.status(), Some(401 | 403)) => Some(Stage::Unsent),
        (Delivery::Refused, _) => None,
    }
}
