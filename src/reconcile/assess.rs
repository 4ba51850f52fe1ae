//! Concludes from a pass what status is to say. Pure: every situation is one arm.

use std::time::Duration;

use super::act::Outcome;
use super::assessment::{Assessment, Conclusion, Progress, accepted};
use super::explain;
use super::schedule::Next;
use super::step::{Blocker, Mutation, Plan, Request, Step, Waiting};
use super::trouble;
use super::validate::Target;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::{IssueSource, OperationKind};
use crate::api::{PostgresBackupStatus, Reason};
use crate::azure::ProtectionState;

/// Concludes from a step and what came of it.
#[must_use]
pub fn conclude(
    target: &Target,
    plan: &Plan,
    outcome: &Outcome,
    previous: &PostgresBackupStatus,
    generation: i64,
    poll_after: Duration,
) -> Conclusion {
    if let Outcome::Failed(kind, error) = outcome {
        return trouble::refused_at_once(*kind, error, previous, generation);
    }
    let trouble = trouble::standing_trouble(previous, generation);
    let assessment = match &plan.step {
        // A retry that is under way says nothing new about the trouble that it is a retry of.
        Step::Send(Request::Validate(_), _) | Step::Wait(Waiting::Operation { kind: OperationKind::Validate, .. })
            if trouble.is_some() =>
        {
            return Conclusion::Unchanged(Next::After(poll_after));
        }
        Step::Intend(..) if trouble == Some(IssueSource::Operation) => return Conclusion::Unchanged(Next::Now),
        Step::Intend(mutation, _) => intending(target, *mutation, plan, Next::Now),
        Step::Send(request, _) => underway(target, request.kind(), plan, previous, Next::After(poll_after)),
        Step::Wait(Waiting::Operation { kind, poll_after }) => {
            underway(target, *kind, plan, previous, Next::After(*poll_after))
        }
        Step::Wait(Waiting::Outcome(kind)) => return awaiting_outcome(*kind, poll_after, previous),
        Step::Wait(Waiting::Transition(state)) => match previous.operation.as_ref().map(|operation| operation.kind) {
            // Azure's states on the way are not written one by one: the operation says it all.
            Some(kind) if kind != OperationKind::Validate => {
                underway(target, kind, plan, previous, Next::After(poll_after))
            }
            _ => transition(state, Next::After(poll_after)),
        },
        Step::Rest => resting(target),
        Step::Blocked(blocker) => blocked(target, blocker),
        Step::Release(_) => return Conclusion::Unchanged(Next::OnChange),
    };
    Conclusion::Changed(assessment)
}

fn validating(next: Next) -> Assessment {
    let message = "Azure is validating the backup request; nothing has been created yet.";
    Assessment::working(Reason::Validating, message, next)
        .validated(Finding::unknown(Reason::Validating, message))
        .not_created()
}

fn intending(target: &Target, mutation: Mutation, plan: &Plan, next: Next) -> Assessment {
    let instance = target.instance.name();
    let vault = target.vault().name();
    match mutation {
        Mutation::Create => {
            let message = format!(
                "Creating the backup instance {instance} in the vault {vault} and waiting until Azure reports it as protected."
            );
            let protected = Finding::no(Reason::Creating, "Azure has not reported the database as protected yet.");
            Assessment::working(Reason::Creating, message.clone(), next)
                .validated(Finding::yes(Reason::ValidationPassed, "Azure's validation accepted the request."))
                .synced(Finding::no(Reason::Creating, message))
                .protected(protected)
        }
        Mutation::Update => {
            let fields: Vec<_> = plan.drift.iter().map(|drift| drift.field.as_str()).collect();
            let message = format!(
                "Changing {} of the backup instance {instance} to what the specification says.",
                fields.join(", ")
            );
            Assessment::working(Reason::Updating, message.clone(), next)
                .validated(accepted())
                .synced(Finding::no(Reason::Updating, message))
        }
        Mutation::Delete => {
            let message = format!("Deleting the backup instance {instance} from the vault {vault}.");
            Assessment::working(Reason::Deleting, message.clone(), next).synced(Finding::no(Reason::Deleting, message))
        }
    }
}

fn underway(
    target: &Target,
    kind: OperationKind,
    plan: &Plan,
    previous: &PostgresBackupStatus,
    next: Next,
) -> Assessment {
    let mutation = match kind {
        OperationKind::Validate => return validating(next),
        OperationKind::Create => Mutation::Create,
        OperationKind::Update => Mutation::Update,
        OperationKind::Delete => Mutation::Delete,
    };
    // While an operation runs the backup instance is not read, so the differences are those that status has.
    let drift = if plan.drift.is_empty() { previous.drift.clone() } else { plan.drift.clone() };
    intending(target, mutation, &Plan { step: plan.step.clone(), drift }, next)
}

fn awaiting_outcome(kind: OperationKind, poll_after: Duration, previous: &PostgresBackupStatus) -> Conclusion {
    let next = Next::After(poll_after);
    let recorded = previous.operation.as_ref().map(|operation| operation.kind);
    // After an accepted request this is the ordinary wait for Azure to show its effect.
    if recorded == Some(kind) && previous.issues.is_empty() {
        return Conclusion::Unchanged(next);
    }
    let message = format!(
        "{} was asked for, but the answer was lost. The operator looks at the backup instance and repeats nothing \
         until the outcome is certain.",
        explain::activity(kind)
    );
    Conclusion::Changed(Assessment::working(Reason::AwaitingOutcome, message, next))
}

fn transition(state: &ProtectionState, next: Next) -> Assessment {
    let message = format!("Azure shows the backup instance as {state}; waiting until it has settled.");
    let reason = match state {
        ProtectionState::UpdatingProtection => Reason::Updating,
        ProtectionState::SoftDeleting => Reason::Deleting,
        _ => Reason::Configuring,
    };
    Assessment::working(reason, message.clone(), next).validated(accepted()).protected(Finding::no(reason, message))
}

fn resting(target: &Target) -> Assessment {
    let message = format!(
        "Azure reports {} as protected by the backup instance {} in the vault {}.",
        target.database_label(),
        target.instance.name(),
        target.vault().name()
    );
    Assessment::new(Progress::Done, Reason::Protected, message.clone(), Next::Drift)
        .validated(accepted())
        .synced(Finding::yes(Reason::InSync, "The backup instance equals the specification."))
        .protected(Finding::yes(Reason::Protected, message))
}

fn blocked(target: &Target, blocker: &Blocker) -> Assessment {
    match blocker {
        Blocker::Refused(kind, error) => trouble::failed(*kind, error),
        Blocker::Unprotected(state, error) => trouble::unprotected(target, state, error.as_ref()),
        Blocker::DatasourceMismatch(other) => {
            let message = format!(
                "The backup instance {} protects another database ({other}) and is left alone. Delete this object and \
                 create it again with another backupInstanceName, or with the database that the backup instance protects.",
                target.instance.name()
            );
            foreign(Reason::DatasourceMismatch, message)
        }
        Blocker::OwnedByAnother(owner) => {
            let message = format!(
                "The backup instance {} belongs to the PostgresBackup {owner} (cluster/namespace/name) and is left alone. \
                 Delete one of the two objects; deletionPolicy: Retain keeps the backup instance.",
                target.instance.name()
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
