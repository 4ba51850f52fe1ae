//! Writes status and events. Nothing else writes status.

use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, Recorder};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::events;
use crate::api::conditions::{self, ContractBreach};
use crate::api::{FIELD_MANAGER, PostgresBackup, PostgresBackupStatus};

/// Why a status could not be reported.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The API server refused the status.
    #[error("could not write the status")]
    Write(#[source] kube::Error),
    /// The operator worked out a status that breaks its own contract. It is not written.
    #[error("worked out a status that breaks the status contract; this is a defect of the operator")]
    Contract(#[from] ContractBreach),
}

/// Applies `next` as the object's status if it differs from what the object carries, and publishes the event for the turn.
/// The write succeeds only on the version of the object that was read, so that neither a newer status nor a later object of
/// the same name is overwritten.
///
/// Returns the object as the API server then has it, or `None` if there was nothing to write.
///
/// # Errors
/// When the API server refuses, or when the status breaks the contract.
pub async fn status(
    api: &Api<PostgresBackup>,
    recorder: &Recorder,
    object: &PostgresBackup,
    next: PostgresBackupStatus,
) -> Result<Option<PostgresBackup>, ReportError> {
    let previous = object.status.clone().unwrap_or_default();
    if previous == next {
        return Ok(None);
    }
    conditions::check_contract(&next, object.meta().generation.unwrap_or_default())?;
    let patch = json!({
        "apiVersion": PostgresBackup::api_version(&()),
        "kind": PostgresBackup::kind(&()),
        "metadata": { "resourceVersion": object.resource_version() },
        "status": next,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written =
        api.patch_status(&object.name_any(), &params, &Patch::Apply(patch)).await.map_err(ReportError::Write)?;
    if let Some(turn) = events::turn(&previous, &next) {
        event(recorder, object, &turn).await;
    }
    Ok(Some(written))
}

/// Publishes an event. A lost event loses nothing: status says the same.
pub async fn event(recorder: &Recorder, object: &PostgresBackup, event: &Event) {
    if let Err(error) = recorder.publish(event, &object.object_ref(&())).await {
        tracing::warn!(reason = %event.reason, error = %error, "Could not publish an event");
    }
}
