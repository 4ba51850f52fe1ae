//! What status says while the operator or Azure is at work. Pure.

use super::assessment::{Assessment, Subject, accepted, fields};
use crate::api::Reason;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::azure::ProtectionState;
use crate::reconcile::explain;
use crate::reconcile::schedule::Next;
use crate::reconcile::validate::Lifecycle;

/// A request is about to be sent, or Azure works on it.
pub(in crate::reconcile) fn working(
    subject: Subject<'_>,
    kind: OperationKind,
    drift: &[DriftItem],
    next: Next,
) -> Assessment {
    let instance = subject.instance();
    let database = subject.target.database_label();
    if subject.lifecycle != Lifecycle::Live && !matches!(kind, OperationKind::Delete | OperationKind::Stop) {
        let message =
            format!("Waiting until Azure has finished what it does with {instance}, to go on with the deletion then.");
        return Assessment::working(Reason::Deleting, message, next);
    }
    match kind {
        OperationKind::Validate => {
            let message = format!("Azure is validating the backup of {database}; nothing has been created yet.");
            Assessment::working(Reason::Validating, message.clone(), next)
                .validated(Finding::unknown(Reason::Validating, message))
                .not_created()
        }
        OperationKind::ValidateChange => {
            let message = format!("Azure is validating the change of {} of {instance}.", fields(drift));
            Assessment::working(Reason::Validating, message.clone(), next)
                .validated(Finding::unknown(Reason::Validating, message))
                .unsynced_drift(drift)
        }
        OperationKind::Create => {
            let message = format!("Creating {instance} and waiting until Azure reports it as protected.");
            let protected = Finding::no(Reason::Creating, "Azure has not reported the database as protected yet.");
            Assessment::working(Reason::Creating, message.clone(), next)
                .validated(Finding::yes(Reason::ValidationPassed, "Azure's validation accepted the request."))
                .synced(Finding::no(Reason::Creating, message))
                .protected(protected)
        }
        OperationKind::Update => {
            let message = if drift.is_empty() {
                format!("Configuring {instance} anew.")
            } else {
                format!("Changing {} of {instance} to what the specification says.", fields(drift))
            };
            Assessment::working(Reason::Updating, message.clone(), next)
                .validated(Finding::unknown(Reason::Updating, "Azure checks the change when it carries it out."))
                .synced(Finding::no(Reason::Updating, message))
        }
        OperationKind::Sync => {
            Assessment::working(Reason::Configuring, format!("Asking Azure to protect {database} again."), next)
        }
        OperationKind::Resume => {
            let message = format!("Resuming the backups of {instance}.");
            Assessment::working(Reason::Resuming, message.clone(), next)
                .validated(accepted())
                .synced(Finding::no(Reason::Resuming, message.clone()))
                .protected(Finding::no(Reason::Resuming, message))
        }
        OperationKind::Suspend => resting(Reason::Suspending, format!("Suspending the backups of {instance}."), next),
        OperationKind::Stop => resting(
            Reason::Stopping,
            format!("Stopping the backups of {instance}; every recovery point is kept."),
            next,
        ),
        OperationKind::Undelete => {
            let message = format!("Bringing back {instance}, which was deleted, with its recovery points.");
            Assessment::working(Reason::Undeleting, message.clone(), next)
                .validated(accepted())
                .synced(Finding::no(Reason::Undeleting, message.clone()))
                .protected(Finding::no(Reason::Undeleting, message))
        }
        OperationKind::Delete => {
            let message = format!("Deleting {instance}.");
            Assessment::working(Reason::Deleting, message.clone(), next).synced(Finding::no(Reason::Deleting, message))
        }
    }
}

fn resting(reason: Reason, message: String, next: Next) -> Assessment {
    Assessment::working(reason, message.clone(), next)
        .validated(accepted())
        .synced(Finding::no(reason, message.clone()))
        .protected(Finding::no(reason, message))
}

/// A request was sent, and nobody knows whether Azure has carried it out.
pub(in crate::reconcile) fn awaiting_outcome(subject: Subject<'_>, kind: OperationKind, next: Next) -> Assessment {
    let message = format!(
        "{} was asked for, and it is not known whether Azure has carried it out. The operator looks at it again and \
         repeats nothing until that is certain.",
        explain::activity(kind, subject.target)
    );
    Assessment::working(Reason::AwaitingOutcome, message, next)
}

/// Azure is at work by itself.
pub(in crate::reconcile) fn transition(subject: Subject<'_>, state: &ProtectionState, next: Next) -> Assessment {
    let message = format!("Azure shows {} as {state}; waiting until it has settled.", subject.instance());
    let reason = match state {
        ProtectionState::UpdatingProtection => Reason::Updating,
        ProtectionState::SoftDeleting => Reason::Deleting,
        _ => Reason::Configuring,
    };
    Assessment::working(reason, message.clone(), next).validated(accepted()).protected(Finding::no(reason, message))
}
