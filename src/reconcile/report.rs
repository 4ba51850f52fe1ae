//! Writes status and events. Nothing else writes status.

pub(in crate::reconcile) mod activity;
pub mod assess;
pub mod assessment;
pub(in crate::reconcile) mod blocked;
pub(in crate::reconcile) mod discretion;
pub mod events;
pub(in crate::reconcile) mod refusal;
pub mod status;
pub mod trouble;

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, Recorder};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use crate::api::conditions::{self, ContractBreach};
use crate::api::{FIELD_MANAGER, PostgresBackup, PostgresBackupStatus};
use crate::error_chain;

/// How long an event may take; it is not worth holding up a pass.
const EVENT_TIMEOUT: Duration = Duration::from_secs(5);

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

/// Applies `next` as the object's status if it differs from what the object carries. The write succeeds only on the version
/// of the object that was read, so that neither a newer status nor a later object of the same name is overwritten.
///
/// Returns the object as the API server then has it and the event for the turn, or `None` if there was nothing to write.
///
/// # Errors
/// When the API server refuses, or when the status breaks the contract.
pub async fn status(
    api: &Api<PostgresBackup>,
    object: &PostgresBackup,
    next: PostgresBackupStatus,
) -> Result<Option<(PostgresBackup, Option<Event>)>, ReportError> {
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
    Ok(Some((written, events::turn(&previous, &next))))
}

/// Why it cannot be confirmed that an object is still what was read.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    /// The API server did not say.
    #[error("could not read the object again")]
    Read(#[source] kube::Error),
    /// It has changed, or is gone.
    #[error("the object has changed since it was read")]
    Changed,
}

/// Confirms that the object has not changed since it was read.
///
/// # Errors
/// When it has, or when the API server does not say.
pub async fn confirm_current(api: &Api<PostgresBackup>, object: &PostgresBackup) -> Result<(), ConfirmError> {
    let current = api.get_metadata_opt(&object.name_any()).await.map_err(ConfirmError::Read)?;
    let version = |meta: &kube::api::ObjectMeta| (meta.uid.clone(), meta.resource_version.clone());
    match current {
        Some(current) if version(&current.metadata) == version(&object.metadata) => Ok(()),
        _ => Err(ConfirmError::Changed),
    }
}

/// Publishes an event. A lost event loses nothing: status says the same.
pub async fn event(recorder: &Recorder, object: &impl Resource<DynamicType = ()>, event: &Event) {
    let published = tokio::time::timeout(EVENT_TIMEOUT, recorder.publish(event, &object.object_ref(&()))).await;
    let error = match published {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error_chain::one_line(&error),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(reason = %event.reason, error, "Could not publish an event");
}
