#![allow(clippy::unwrap_used)]

mod deletion;
mod model;
mod properties;
mod requests;
mod table;

use super::step::{Release, Rest};
use super::*;
use crate::azure::ServiceError;
use crate::reconcile::testing::{VERSION, wanted};
use crate::reconcile::validate::Disposal;

/// A request with the content that is wanted now.
fn sent(kind: OperationKind, fate: Fate, desired: &Desired) -> Option<Sent> {
    let request = match kind {
        OperationKind::Delete => Action::Delete.hash(&desired.target),
        OperationKind::Stop => Action::Stop.hash(&desired.target),
        OperationKind::Suspend => Action::Suspend.hash(&desired.target),
        OperationKind::Resume => Action::Resume.hash(&desired.target),
        OperationKind::Undelete => Action::Undelete.hash(&desired.target),
        _ => wanted(desired).hash,
    };
    let may_still_land = matches!(fate, Fate::Accepted | Fate::Lost);
    Some(Sent { kind, request, fate, may_still_land })
}

fn other(sent: Option<Sent>) -> Option<Sent> {
    sent.map(|sent| Sent { request: RequestHash::of_text("another request"), ..sent })
}

/// The same, after an earlier attempt that may have had its effect.
fn doubted(sent: Option<Sent>) -> Option<Sent> {
    sent.map(|sent| Sent { may_still_land: true, ..sent })
}

fn error() -> ServiceError {
    ServiceError { code: "UserErrorMissingRequiredPermissions".to_owned(), ..ServiceError::default() }
}

/// What is there, with the claim that follows from the owner tag while no other object is known.
fn seen(instance: Option<Instance>, sent: Option<Sent>) -> Observed {
    let found = instance.map_or(Found::Nothing, |instance| {
        let claim = match instance.tag("pgbackup-owner") {
            Some("test/shop/orders") => Claim::Ours,
            Some(other) => Claim::Others(other.to_owned()),
            None => Claim::Free,
        };
        Found::Instance { instance: Box::new(instance), claim }
    });
    Observed::Seen { found, sent }
}

fn delete(desired: &Desired, observed: &Observed) -> Step {
    deleting(&desired.target, Disposal::Delete, observed, Stake::Covered, VERSION)
}

/// The step in one word, for tables.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Send(Request::Validate(_), _) => "validate",
        Step::Send(Request::ValidateChange(_), _) => "validate change",
        Step::Send(Request::Create(_), _) => "create",
        Step::Send(Request::Update(_), _) => "update",
        Step::Send(Request::Sync, _) => "sync",
        Step::Send(Request::Act(Action::Resume), _) => "resume",
        Step::Send(Request::Act(Action::Suspend), _) => "suspend",
        Step::Send(Request::Act(Action::Stop), _) => "stop",
        Step::Send(Request::Act(Action::Undelete), _) => "undelete",
        Step::Send(Request::Act(Action::Delete), _) => "delete",
        Step::Intend(Mutation::Create, _) => "intend create",
        Step::Intend(Mutation::Update, _) => "intend update",
        Step::Intend(Mutation::Act(Action::Resume), _) => "intend resume",
        Step::Intend(Mutation::Act(Action::Suspend), _) => "intend suspend",
        Step::Intend(Mutation::Act(Action::Stop), _) => "intend stop",
        Step::Intend(Mutation::Act(Action::Undelete), _) => "intend undelete",
        Step::Intend(Mutation::Act(Action::Delete), _) => "intend delete",
        Step::Wait(Waiting::Operation { .. }) => "poll",
        Step::Wait(Waiting::Transition(_)) => "wait",
        Step::Wait(Waiting::Outcome(..)) => "wait for outcome",
        Step::Rest(Rest::Protected) => "rest",
        Step::Rest(Rest::AtRest(_)) => "at rest",
        Step::Rest(Rest::Validated(_)) => "validated",
        Step::Rest(Rest::NothingToValidate) => "nothing to validate",
        Step::Blocked(Blocker::Refused(..)) => "refused",
        Step::Blocked(Blocker::Unprotected(..)) => "unprotected",
        Step::Blocked(Blocker::DatasourceMismatch(_)) => "mismatch",
        Step::Blocked(Blocker::OwnedByAnother(_)) => "owned",
        Step::Blocked(Blocker::NotCreated) => "not created",
        Step::Blocked(Blocker::SoftDeleted { .. }) => "soft-deleted",
        Step::Blocked(Blocker::Replaced(_)) => "replaced",
        Step::Blocked(Blocker::Drifted) => "drifted",
        Step::Blocked(Blocker::Contested(_)) => "contested",
        Step::Blocked(Blocker::HandingOver(_)) => "handing over",
        Step::Blocked(Blocker::CannotValidate(_)) => "cannot validate",
        Step::Blocked(Blocker::NotSupported(_)) => "not supported",
        Step::Blocked(Blocker::HeldByBrake) => "held",
        Step::Blocked(Blocker::Irreversible) => "irreversible",
        Step::Release(Release::Deleted { .. }) => "release deleted",
        Step::Release(Release::NothingToDelete) => "release nothing",
        Step::Release(Release::NotOurs) => "release not ours",
        Step::Release(Release::Stopped) => "release stopped",
        Step::Release(Release::NothingToStop) => "release nothing to stop",
        Step::Release(Release::HandedOver) => "release handed over",
        Step::Release(Release::Retained | Release::RetainedTooLate) => "release retained",
    }
}
