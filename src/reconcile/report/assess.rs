//! Concludes from a pass what status is to say. Pure: every situation is one arm.

use super::activity::{awaiting_outcome, transition, working};
use super::assessment::{Assessment, Conclusion, Progress, Subject, accepted, fields};
use super::blocked::blocked;
use super::trouble;
use crate::api::Reason;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::{DriftItem, IssueSource, OperationKind};
use crate::azure::{ErrorClass, ProtectionState};
use crate::reconcile::act::Outcome;
use crate::reconcile::plan::drift;
use crate::reconcile::plan::step::{Certainty, Plan, Request, Rest, Step, Waiting};
use crate::reconcile::schedule::Next;

/// Concludes from a step and what came of it.
#[must_use]
pub fn conclude(subject: Subject<'_>, plan: &Plan, outcome: &Outcome) -> Conclusion {
    let soon = Next::After(subject.poll_after);
    let assessment = match (&plan.step, outcome) {
        (_, Outcome::Failed(kind, error)) => return trouble::refused_at_once(subject, *kind, error),
        (Step::Intend(mutation, _), _) => return under_way(subject, mutation.kind(), plan, Next::Now),
        // It makes way for a request that Azure has refused, and what came of that goes on being told.
        (Step::Send(Request::Sync, _), _) if subject.previous.operation.is_some() => {
            return Conclusion::Unchanged(Next::BackOff(ErrorClass::Prerequisite, None));
        }
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
        (Step::Rest(rest), _) => resting(subject, rest, &plan.drift),
        (Step::Blocked(blocker), _) => blocked(subject, blocker, &plan.drift),
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
        OperationKind::ValidateChange if subject.cannot_validate() => Conclusion::Unchanged(assessment.next),
        OperationKind::Validate | OperationKind::ValidateChange => {
            subject.attempt(&[Validation, Operation], assessment)
        }
        OperationKind::Update | OperationKind::Sync => subject.attempt(&[Operation, Protection], assessment),
        OperationKind::Create
        | OperationKind::Resume
        | OperationKind::Suspend
        | OperationKind::Stop
        | OperationKind::Undelete
        | OperationKind::Delete => subject.attempt(&[Operation], assessment),
    }
}

/// Azure has accepted a request: that ends the trouble there was with sending it.
fn sent(subject: Subject<'_>, kind: OperationKind, plan: &Plan, next: Next) -> Conclusion {
    match kind {
        OperationKind::Validate | OperationKind::ValidateChange | OperationKind::Sync => {
            under_way(subject, kind, plan, next)
        }
        OperationKind::Update => subject.attempt(&[IssueSource::Protection], working(subject, kind, &plan.drift, next)),
        OperationKind::Create
        | OperationKind::Resume
        | OperationKind::Suspend
        | OperationKind::Stop
        | OperationKind::Undelete
        | OperationKind::Delete => Conclusion::Changed(working(subject, kind, &plan.drift, next)),
    }
}

/// What is asked for is reached.
fn resting(subject: Subject<'_>, rest: &Rest, drift: &[DriftItem]) -> Assessment {
    let (database, vault) = (subject.target.database_label(), subject.target.vault().name());
    let in_sync = || Finding::yes(Reason::InSync, "The backup instance equals the specification.");
    let done = |reason, message: &str| Assessment::new(Progress::Done, reason, message, Next::Drift);
    match rest {
        Rest::Protected => {
            let message = format!("Azure reports {database} as protected in the vault {vault}.");
            done(Reason::Protected, &message)
                .validated(accepted())
                .synced(in_sync())
                .protected(Finding::yes(Reason::Protected, message))
        }
        Rest::AtRest(state) => at_rest(subject, state, drift),
        Rest::Validated(_) => {
            let message = format!(
                "Azure's validation accepts the backup of {database} in the vault {vault}; mode ValidateOnly changes nothing."
            );
            let assessment =
                done(Reason::ValidationPassed, &message).validated(Finding::yes(Reason::ValidationPassed, message));
            if drift.is_empty() {
                assessment.not_created()
            } else {
                assessment.unsynced_drift(drift).protected_as(subject.state)
            }
        }
        Rest::NothingToValidate if drift.is_empty() => {
            let message = format!("The backup instance of {database} in the vault {vault} equals the specification.");
            done(Reason::ValidationPassed, &message).validated(accepted()).synced(in_sync()).protected_as(subject.state)
        }
        Rest::NothingToValidate => {
            let message = format!(
                "Azure accepts the policy and the rest of the specification for {database} in the vault {vault}; it is \
                 not asked whether backups may be stopped or resumed."
            );
            done(Reason::ValidationPassed, &message)
                .validated(accepted())
                .unsynced_drift(drift)
                .protected_as(subject.state)
        }
    }
}

/// Backups are stopped or suspended on request. What differs beside that has no effect until they are resumed.
fn at_rest(subject: Subject<'_>, state: &ProtectionState, drift: &[DriftItem]) -> Assessment {
    let (database, vault) = (subject.target.database_label(), subject.target.vault().name());
    let (reason, message) = if drift::reaches(state, crate::api::Protection::Stopped) {
        let kept = "every recovery point is kept";
        (Reason::Stopped, format!("Backups of {database} in the vault {vault} are stopped as asked; {kept}."))
    } else {
        let kept = "recovery points expire as the policy says";
        (Reason::Suspended, format!("Backups of {database} in the vault {vault} are suspended as asked; {kept}."))
    };
    let finding = format!("Azure shows the backup instance as {state}: no backups are taken.");
    let assessment = Assessment::new(Progress::Done, reason, message, Next::Drift)
        .validated(accepted())
        .protected(Finding::no(Reason::ProtectionStopped, finding));
    if drift.is_empty() {
        assessment.synced(Finding::yes(Reason::InSync, "The backup instance equals the specification."))
    } else {
        let message = format!("{} will be changed when backups are resumed.", fields(drift));
        assessment.synced(Finding::no(Reason::DriftDetected, message))
    }
}
