//! Kubernetes events for the turns that a person cares about. Everything they say is in status as well.

use jiff::Timestamp;
use kube::runtime::events::{Event, EventType};

use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::{DriftItem, IssueSource, OperationKind};
use crate::api::{PostgresBackupStatus, Reason};
use crate::reconcile::plan::correction::Correction;
use crate::reconcile::plan::step::Release;
use crate::reconcile::validate::Target;

/// Longest note that an event may carry, in bytes (events.k8s.io/v1).
const MAX_NOTE: usize = 1024;

/// The event for an object that cannot be read, which has no status that could say so: whatever were written would replace
/// what cannot be read.
#[must_use]
pub fn unreadable(problem: &str) -> Event {
    let note = format!(
        "This operator cannot read the object and leaves it alone, also in Azure: {problem}. Install the \
         CustomResourceDefinition of the operator's version, and correct the object."
    );
    event(EventType::Warning, Reason::Unreadable.as_str(), action(None), &note)
}

/// The event for the turn from one status to the next, if people would want to hear of it.
#[must_use]
pub fn turn(previous: &PostgresBackupStatus, next: &PostgresBackupStatus) -> Option<Event> {
    let ready = conditions::find(&next.conditions, ConditionType::Ready)?;
    let before = conditions::find(&previous.conditions, ConditionType::Ready);
    let stalled = |status: &PostgresBackupStatus| conditions::is_true(&status.conditions, ConditionType::Stalled);
    let newly_stalled = stalled(next) && !stalled(previous);
    if before.is_some_and(|before| before.reason == ready.reason) && !newly_stalled {
        return None;
    }
    let troubled = next.issues.iter().any(|issue| issue.source != IssueSource::Compatibility);
    let calm = !troubled && !stalled(next);
    let operation = next.operation.as_ref().or(previous.operation.as_ref()).map(|operation| operation.kind);
    Some(event(
        if calm { EventType::Normal } else { EventType::Warning },
        &ready.reason,
        action(operation),
        &ready.message,
    ))
}

/// The event for letting a deleted object go.
#[must_use]
pub fn released(release: Release, target: Option<&Target>) -> Event {
    let instance = target.map_or_else(
        || "the backup instance".to_owned(),
        |target| format!("the backup instance {} in the vault {}", target.instance.name(), target.vault().name()),
    );
    let (reason, note) = match release {
        Release::Deleted { until } => (Reason::Deleted, format!("Azure has deleted {instance}. {}", undo(until))),
        Release::NothingToDelete => {
            (Reason::NothingToDelete, format!("There is nothing to delete in Azure: {instance} does not exist."))
        }
        Release::Retained => (
            Reason::Retained,
            format!("Azure keeps {instance} as it is, as deletionPolicy or mode asks; it goes on being billed."),
        ),
        Release::Stopped => (
            Reason::Stopped,
            format!(
                "No backups are taken any more for {instance}, as deletionPolicy: StopProtection asks. Azure keeps its \
                 recovery points, which go on being billed; applying this object again resumes the backups."
            ),
        ),
        Release::NothingToStop => (
            Reason::Stopped,
            format!("Azure keeps {instance}, for which no backups were taken: there was nothing to stop."),
        ),
        Release::HandedOver => {
            (Reason::HandedOver, format!("Another PostgresBackup takes {instance} over; nothing changes in Azure."))
        }
        Release::RetainedTooLate => (
            Reason::Deleting,
            format!(
                "deletionPolicy: Retain came after Azure had accepted to delete {instance}. Where the vault has soft delete, \
                 it can be undeleted there until it is purged."
            ),
        ),
        Release::NotOurs => (
            Reason::Retained,
            format!(
                "Azure keeps {instance}: it protects another database, or its tag pgbackup-owner is not this object's. \
                 If nobody else needs it, delete it in the vault."
            ),
        ),
    };
    let expected = !matches!(release, Release::RetainedTooLate | Release::NotOurs);
    event(if expected { EventType::Normal } else { EventType::Warning }, reason.as_str(), "Delete", &note)
}

/// The event for having put right what somebody else had changed.
#[must_use]
pub fn corrected(correction: &Correction, target: &Target) -> Event {
    let (instance, vault) = (target.instance.name(), target.vault().name());
    let change = |item: &DriftItem| format!("{} from {} to {}", item.field, item.actual, item.desired);
    let note = match correction.kind {
        OperationKind::Undelete | OperationKind::Create => {
            format!("The backup instance {instance} in the vault {vault}, which somebody had deleted, is there again.")
        }
        _ => {
            let changes: Vec<_> = correction.drift.iter().map(change).collect();
            let changes = changes.join(", ");
            format!("Somebody had changed the backup instance {instance} in the vault {vault}; put right: {changes}.")
        }
    };
    event(EventType::Normal, Reason::DriftCorrected.as_str(), action(Some(correction.kind)), &note)
}

/// Until when a deletion can be undone, and how.
#[must_use]
pub fn undo(until: Option<Timestamp>) -> String {
    match until {
        Some(until) => {
            format!("Until {} that can be undone: apply this object again.", conditions::whole_seconds(until))
        }
        None => "Where the vault has soft delete, that can be undone until it is purged: apply this object again."
            .to_owned(),
    }
}

fn action(operation: Option<OperationKind>) -> &'static str {
    match operation {
        Some(OperationKind::Validate | OperationKind::ValidateChange) => "Validate",
        Some(OperationKind::Create) => "Create",
        Some(OperationKind::Update) => "Update",
        Some(OperationKind::Sync) => "Sync",
        Some(OperationKind::Resume) => "Resume",
        Some(OperationKind::Suspend) => "Suspend",
        Some(OperationKind::Stop) => "Stop",
        Some(OperationKind::Undelete) => "Undelete",
        Some(OperationKind::Delete) => "Delete",
        None => "Reconcile",
    }
}

fn event(type_: EventType, reason: &str, action: &str, note: &str) -> Event {
    let note = &note[..note.floor_char_boundary(MAX_NOTE)];
    Event { type_, reason: reason.to_owned(), note: Some(note.to_owned()), action: action.to_owned(), secondary: None }
}
