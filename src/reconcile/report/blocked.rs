//! What status says when something stands in the way that is not Azure's refusal. Pure.

use jiff::Timestamp;

use super::assessment::{Assessment, Progress, Subject, accepted, fields};
use super::trouble;
use crate::api::conditions::{self, Finding};
use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::api::{Reason, annotations};
use crate::azure::ErrorClass;
use crate::reconcile::explain;
use crate::reconcile::observe::neighbours::Rival;
use crate::reconcile::plan::step::Blocker;
use crate::reconcile::schedule::Next;

/// How often the other objects are looked at, which costs no request.
const NEIGHBOUR_LOOK: std::time::Duration = std::time::Duration::from_secs(30);

/// Something stands in the way.
pub(in crate::reconcile) fn blocked(subject: Subject<'_>, blocker: &Blocker, drift: &[DriftItem]) -> Assessment {
    let (instance, database) = (subject.instance(), subject.target.database_label());
    match blocker {
        Blocker::Refused(kind, error) => trouble::failed(subject, *kind, error),
        Blocker::Unprotected(state, error) => trouble::unprotected(subject, state, error.as_ref()),
        // Which one is not told: it may be another team's.
        Blocker::DatasourceMismatch(_) => nothing_of_ours(
            Reason::DatasourceMismatch,
            format!(
                "The backup instance {} protects another database and is left alone. Delete this object and create it again \
                 with another backupInstanceName, or for the database that the backup instance protects.",
                subject.target.instance.name()
            ),
        ),
        Blocker::OwnedByAnother(owner) => owned_by_another(subject, owner),
        Blocker::NotCreated => {
            let message = format!(
                "There is no such thing as {instance}, and mode Observe creates none. Set mode: Enforce to create it."
            );
            Assessment::stuck(Reason::NotCreated, message).not_created()
        }
        Blocker::SoftDeleted { until } => {
            let message = format!(
                "Azure keeps {instance} as soft-deleted{}; with mode: Enforce it would be brought back.",
                before(*until)
            );
            nothing_of_ours(Reason::SoftDeleted, message)
        }
        Blocker::Replaced(other) => nothing_of_ours(
            Reason::AlreadyProtected,
            format!(
                "Azure keeps {instance} as soft-deleted, and by now the backup instance {other} of the same vault protects \
                 {database}. To adopt that one, delete this object and create it again with spec.backupInstanceName: {other}; \
                 to bring the old one back, delete {other} in the vault."
            ),
        ),
        Blocker::Drifted => {
            let message = format!(
                "{instance} differs from the specification in {}, and mode Observe changes nothing. Change the \
                 specification, or set mode: Enforce to have it corrected.",
                fields(drift)
            );
            differing(Reason::DriftDetected, capitalised(message), subject, drift)
        }
        Blocker::Contested(kind) => contested(subject, *kind, drift),
        Blocker::CannotValidate(state) => {
            let message = format!(
                "Azure cannot say whether it would accept this: {instance} exists and is {state}. It is asked only about \
                 changes of an active backup instance, with an api-version from 2025-01-01 on and with permission for \
                 validateForModifyBackup."
            );
            let assessment = Assessment::stuck(Reason::CannotValidate, message.clone());
            let unknown = Finding::unknown(Reason::CannotValidate, message);
            let assessment = assessment.validated(unknown).protected_as(subject.state);
            if drift.is_empty() { assessment } else { assessment.unsynced_drift(drift) }
        }
        Blocker::NotSupported(kind) => not_supported(subject, *kind, drift),
        Blocker::HandingOver(successor) => {
            let message = format!(
                "Waiting until the PostgresBackup {successor} has taken {instance} over; nothing changes in Azure. If that one \
                 is not to have it, delete it as well."
            );
            Assessment::new(Progress::Troubled, Reason::Deleting, message, Next::After(NEIGHBOUR_LOOK))
        }
        Blocker::HeldByBrake => {
            let message = format!(
                "Many PostgresBackups are being deleted at once, so deleting {instance} waits. If that is meant, it goes on \
                 by itself; to delete this one now, set the annotation {}; to keep the backups, set deletionPolicy: Retain.",
                annotations::RECONCILE_REQUESTED_AT
            );
            let next = Next::BackOff(ErrorClass::Prerequisite, None);
            Assessment::new(Progress::Troubled, Reason::HeldByBrake, message, next)
        }
        Blocker::Irreversible => {
            let message = format!(
                "Deleting {instance} could not be undone: its vault does not say that it soft-deletes. To delete it and its \
                 recovery points for good, set the annotation {}: {}. To keep them, set deletionPolicy to StopProtection or Retain.",
                annotations::ALLOW_IRREVERSIBLE_DELETE,
                subject.target.instance.name()
            );
            Assessment::stuck(Reason::AwaitingConfirmation, message)
        }
    }
}

/// Another object, `elder`, acts in this one's place.
pub(in crate::reconcile) fn duplicate(elder: &Rival) -> Assessment {
    let name = &elder.name;
    let cure = if elder.same_instance {
        format!("Delete one of the two: when {name} is deleted, this one takes its backup instance over.")
    } else {
        format!(
            "The two name different backup instances, and Azure protects a database once only. Delete this one; or, to \
             replace {name}, set its deletionPolicy to Retain, delete it, and create this one again with its backupInstanceName."
        )
    };
    let message = format!(
        "The older PostgresBackup {name} is about the same database and acts; this one changes nothing. {cure}"
    );
    let assessment = nothing_of_ours(Reason::DuplicateOf, message);
    Assessment { next: Next::After(NEIGHBOUR_LOOK), ..assessment }
}

fn contested(subject: Subject<'_>, kind: OperationKind, drift: &[DriftItem]) -> Assessment {
    let instance = subject.instance();
    let what = match kind {
        OperationKind::Undelete | OperationKind::Create => {
            format!("Somebody keeps deleting {instance}: it was brought back")
        }
        _ => format!("{instance} does not stay as it is set in {}: it was corrected", fields(drift)),
    };
    let message = format!(
        "{} three times within a day and is now left alone. Find out who changes it (the vault's activity log tells), or \
         change the specification. To have it corrected again, set the annotation {}.",
        capitalised(what),
        annotations::RECONCILE_REQUESTED_AT
    );
    let finding = Finding::no(Reason::ConflictingWriter, message.clone());
    differing(Reason::ConflictingWriter, message, subject, drift).synced(finding)
}

fn owned_by_another(subject: Subject<'_>, owner: &str) -> Assessment {
    let tag = &subject.target.owner;
    let message = format!(
        "The tag {} says that {} belongs to {owner} (cluster/namespace/name), and this object is {}; it is left alone. To take \
         it over, set the annotation {}: {owner}. If the cluster was rebuilt, give the operator the old name with \
         --cluster-name instead.",
        tag.name,
        subject.instance(),
        tag.value,
        annotations::TAKE_OVER_FROM
    );
    nothing_of_ours(Reason::OwnedByAnother, message)
}

fn not_supported(subject: Subject<'_>, kind: OperationKind, drift: &[DriftItem]) -> Assessment {
    let text = format!(
        "{} needs api-version 2022-01-01 or later; the operator runs with an older one (--api-version).",
        explain::activity(kind, subject.target)
    );
    let message = trouble::with_way_out(text, subject.lifecycle);
    let finding = Finding::no(Reason::NotSupported, message.clone());
    let assessment = Assessment::stuck(Reason::NotSupported, message).synced(finding).protected_as(subject.state);
    if drift.is_empty() { assessment } else { assessment.unsynced_drift(drift) }
}

fn differing(reason: Reason, message: String, subject: Subject<'_>, drift: &[DriftItem]) -> Assessment {
    Assessment::stuck(reason, message).validated(accepted()).unsynced_drift(drift).protected_as(subject.state)
}

fn nothing_of_ours(reason: Reason, message: String) -> Assessment {
    Assessment::stuck(reason, message.clone())
        .synced(Finding::no(reason, message.clone()))
        .protected(Finding::no(reason, message))
}

fn before(until: Option<Timestamp>) -> String {
    until.map(|until| format!(" until {}", conditions::whole_seconds(until))).unwrap_or_default()
}

fn capitalised(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
