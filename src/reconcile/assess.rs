//! Concludes from a pass what status is to say. Pure: every situation is one arm.

use super::act::Outcome;
use super::assessment::{Assessment, Conclusion, Progress, Subject, accepted};
use super::explain;
use super::schedule::Next;
use super::step::{Blocker, Certainty, Plan, Step, Waiting};
use super::trouble;
use super::validate::Lifecycle;
use crate::api::Reason;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::{DriftItem, IssueSource, OperationKind};
use crate::azure::ProtectionState;

/// Concludes from a step and what came of it.
#[must_use]
pub fn conclude(subject: Subject<'_>, plan: &Plan, outcome: &Outcome) -> Conclusion {
    let soon = Next::After(subject.poll_after);
    let assessment = match (&plan.step, outcome) {
        (_, Outcome::Failed(kind, error)) => return trouble::refused_at_once(subject, *kind, error),
        (Step::Intend(mutation, _), _) => return under_way(subject, mutation.kind(), plan, Next::Now),
        (Step::Send(request, _), _) => return sent(subject, request.kind(), plan, soon),
        (Step::Wait(Waiting::Operation { kind, poll_after }), _) => {
            return under_way(subject, *kind, plan, Next::After(*poll_after));
        }
        (Step::Wait(Waiting::Outcome(kind, Certainty::Accepted)), _) => return under_way(subject, *kind, plan, soon),
        (Step::Wait(Waiting::Outcome(kind, Certainty::Lost)), _) => awaiting_outcome(subject, *kind, soon),
        (Step::Wait(Waiting::Transition(state)), _) => match subject.previous.operation.as_ref() {
            // Azure's states on the way are not written one by one: the operation says it all.
            Some(operation) if operation.kind.changes_azure() => {
                return under_way(subject, operation.kind, plan, soon);
            }
            _ => transition(subject, state, soon),
        },
        (Step::Rest, _) => resting(subject),
        (Step::Blocked(blocker), _) => blocked(subject, blocker),
        (Step::Release(_), _) => return Conclusion::Unchanged(Next::OnChange),
    };
    Conclusion::Changed(assessment)
}

/// A request is about to be sent, or Azure works on it.
fn under_way(subject: Subject<'_>, kind: OperationKind, plan: &Plan, next: Next) -> Conclusion {
    use IssueSource::{Operation, Protection, Validation};

    // While an operation runs the backup instance is not read, so the differences are those that status has.
    let drift = if plan.drift.is_empty() { &subject.previous.drift } else { &plan.drift };
    let assessment = working(subject, kind, drift, next);
    match kind {
        OperationKind::Validate => subject.attempt(&[Validation, Operation], assessment),
        OperationKind::Create | OperationKind::Delete => subject.attempt(&[Operation], assessment),
        OperationKind::Update | OperationKind::Sync => subject.attempt(&[Operation, Protection], assessment),
    }
}

/// Azure has accepted a request: that ends the trouble there was with sending it.
fn sent(subject: Subject<'_>, kind: OperationKind, plan: &Plan, next: Next) -> Conclusion {
    match kind {
        OperationKind::Validate | OperationKind::Sync => under_way(subject, kind, plan, next),
        OperationKind::Create | OperationKind::Delete => Conclusion::Changed(working(subject, kind, &plan.drift, next)),
        OperationKind::Update => subject.attempt(&[IssueSource::Protection], working(subject, kind, &plan.drift, next)),
    }
}

fn working(subject: Subject<'_>, kind: OperationKind, drift: &[DriftItem], next: Next) -> Assessment {
    let instance = subject.instance();
    if subject.lifecycle != Lifecycle::Live && kind != OperationKind::Delete {
        let message = format!("Waiting until Azure has finished what it does with {instance}, to delete it then.");
        return Assessment::working(Reason::Deleting, message, next);
    }
    match kind {
        OperationKind::Validate => {
            let database = subject.target.database_label();
            let message = format!("Azure is validating the backup of {database}; nothing has been created yet.");
            Assessment::working(Reason::Validating, message.clone(), next)
                .validated(Finding::unknown(Reason::Validating, message))
                .not_created()
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
            let fields: Vec<_> = drift.iter().map(|drift| drift.field.as_str()).collect();
            let message = if fields.is_empty() {
                format!("Configuring {instance} anew.")
            } else {
                format!("Changing {} of {instance} to what the specification says.", fields.join(", "))
            };
            Assessment::working(Reason::Updating, message.clone(), next)
                .validated(Finding::unknown(Reason::Updating, "Azure checks the change when it carries it out."))
                .synced(Finding::no(Reason::Updating, message))
        }
        OperationKind::Sync => {
            let message = format!("Asking Azure to protect {} again.", subject.target.database_label());
            Assessment::working(Reason::Configuring, message, next)
        }
        OperationKind::Delete => {
            let message = format!("Deleting {instance}.");
            Assessment::working(Reason::Deleting, message.clone(), next).synced(Finding::no(Reason::Deleting, message))
        }
    }
}

fn awaiting_outcome(subject: Subject<'_>, kind: OperationKind, next: Next) -> Assessment {
    let message = format!(
        "{} was asked for, and it is not known whether Azure has carried it out. The operator looks at it again and \
         repeats nothing until that is certain.",
        explain::activity(kind, subject.target)
    );
    Assessment::working(Reason::AwaitingOutcome, message, next)
}

fn transition(subject: Subject<'_>, state: &ProtectionState, next: Next) -> Assessment {
    let message = format!("Azure shows {} as {state}; waiting until it has settled.", subject.instance());
    let reason = match state {
        ProtectionState::UpdatingProtection => Reason::Updating,
        ProtectionState::SoftDeleting => Reason::Deleting,
        _ => Reason::Configuring,
    };
    Assessment::working(reason, message.clone(), next).validated(accepted()).protected(Finding::no(reason, message))
}

fn resting(subject: Subject<'_>) -> Assessment {
    let (database, vault) = (subject.target.database_label(), subject.target.vault().name());
    let message = format!("Azure reports {database} as protected in the vault {vault}.");
    Assessment::new(Progress::Done, Reason::Protected, message.clone(), Next::Drift)
        .validated(accepted())
        .synced(Finding::yes(Reason::InSync, "The backup instance equals the specification."))
        .protected(Finding::yes(Reason::Protected, message))
}

fn blocked(subject: Subject<'_>, blocker: &Blocker) -> Assessment {
    match blocker {
        Blocker::Refused(kind, error) => trouble::failed(subject, *kind, error),
        Blocker::Unprotected(state, error) => trouble::unprotected(subject, state, error.as_ref()),
        Blocker::DatasourceMismatch(other) => {
            let message = format!(
                "The backup instance {} protects another database ({other}) and is left alone. Delete this object and \
                 create it again with another backupInstanceName, or for the database that the backup instance protects.",
                subject.target.instance.name()
            );
            foreign(Reason::DatasourceMismatch, message)
        }
        Blocker::OwnedByAnother(owner) => {
            let tag = &subject.target.owner;
            let message = format!(
                "The tag {} says that {} belongs to {owner} (cluster/namespace/name), and this object is {}; it is left \
                 alone. If that owner is gone, remove the tag from the backup instance; if the cluster was rebuilt, give \
                 the operator the old name with --cluster-name; else delete one of the two objects.",
                tag.name,
                subject.instance(),
                tag.value
            );
            foreign(Reason::OwnedByAnother, message)
        }
    }
}

fn foreign(reason: Reason, message: String) -> Assessment {
    Assessment::stuck(reason, message.clone())
        .synced(Finding::no(reason, message.clone()))
        .protected(Finding::no(reason, message))
}
