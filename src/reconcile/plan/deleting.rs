//! The object is deleted: delete its backup instance or stop its backups, and let it go.

use super::drift;
use super::step::{Action, Blocker, Mutation, Release, Request, Step, Waiting};
use super::{act, mismatch, outcome, running};
use crate::api::v1alpha1::OperationKind;
use crate::azure::{ApiVersion, Instance, ProtectionState};
use crate::reconcile::observe::neighbours::Claim;
use crate::reconcile::observe::observed::{Fate, Found, Observed, Sent};
use crate::reconcile::validate::{Disposal, Target};

/// What speaks for and against touching the backup instance of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stake<'a> {
    /// Another object has taken the backup instance over.
    HandedOver,
    /// This other object is about to take the backup instance over.
    HandingOver(&'a str),
    /// Deleting it can be undone for a while, or somebody has confirmed that it need not be.
    Covered,
    /// Nobody could undo a deletion, and nobody has confirmed it.
    Final,
}

/// Decides for an object that is deleted and claims its backup instance.
#[must_use]
pub fn deleting(
    target: &Target,
    disposal: Disposal,
    observed: &Observed,
    stake: Stake<'_>,
    version: ApiVersion,
) -> Step {
    let (found, sent) = match observed {
        Observed::Running { kind, poll_after } => return running(*kind, *poll_after),
        Observed::Seen { found, sent } => (found, sent.as_ref()),
    };
    // What may still be deleted on this object's account cannot be handed over.
    let deletes =
        sent.is_some_and(|sent| sent.kind == OperationKind::Delete && matches!(sent.fate, Fate::Accepted | Fate::Lost));
    match (stake, found) {
        (Stake::HandedOver, _) if !deletes => return Step::Release(Release::HandedOver),
        (Stake::HandingOver(successor), Found::Instance { claim: Claim::Ours, .. }) if !deletes => {
            return Step::Blocked(Blocker::HandingOver(successor.to_owned()));
        }
        (Stake::HandingOver(_), _) if !deletes => return Step::Release(Release::HandedOver),
        _ => {}
    }
    let (instance, claim) = match found {
        Found::Instance { instance, claim } => (instance, claim),
        Found::Nothing | Found::SoftDeleted { .. } => return gone(found, sent),
    };
    if mismatch(target, instance).is_some() || *claim != Claim::Ours {
        // The request that was to adopt it would leave the mark of an object that is gone.
        return sent.filter(|sent| may_bring_back(sent)).map_or(Step::Release(Release::NotOurs), outcome);
    }
    match instance.protection_state {
        ProtectionState::SoftDeleting => return Step::Wait(Waiting::Transition(ProtectionState::SoftDeleting)),
        // To delete it once more could only cost what can still be brought back.
        ProtectionState::SoftDeleted => return gone(found, sent),
        _ => {}
    }
    match disposal {
        Disposal::Delete => match act(target, Action::Delete, &instance.protection_state, sent) {
            Step::Intend(Mutation::Act(Action::Delete), _) | Step::Send(Request::Act(Action::Delete), _)
                if stake == Stake::Final =>
            {
                Step::Blocked(Blocker::Irreversible)
            }
            step => step,
        },
        Disposal::Stop => stop(target, instance, sent, version),
    }
}

/// There is no backup instance any more, or none yet.
fn gone(found: &Found, sent: Option<&Sent>) -> Step {
    match sent {
        Some(sent) if may_bring_back(sent) => outcome(sent),
        Some(sent) if sent.kind == OperationKind::Delete => {
            Step::Release(Release::Deleted { until: undo_until(found) })
        }
        _ => Step::Release(Release::NothingToDelete),
    }
}

/// Whether a request may still land that would leave a backup instance that nobody owns.
fn may_bring_back(sent: &Sent) -> bool {
    use OperationKind::{Create, Undelete, Update};

    sent.may_still_land && matches!(sent.kind, Create | Update | Undelete)
}

fn stop(target: &Target, instance: &Instance, sent: Option<&Sent>, version: ApiVersion) -> Step {
    use ProtectionState as State;

    let state = &instance.protection_state;
    match state {
        // No backups are taken, and Azure has nothing that it could stop.
        State::ProtectionStopped | State::NotProtected | State::Invalid | State::ConfiguringProtectionFailed => {
            let stopped = *state == State::ProtectionStopped;
            let release = if stopped { Release::Stopped } else { Release::NothingToStop };
            sent.filter(|sent| may_start_backups(sent)).map_or(Step::Release(release), outcome)
        }
        State::ConfiguringProtection | State::UpdatingProtection => Step::Wait(Waiting::Transition(state.clone())),
        _ if !version.stops_protection() => Step::Blocked(Blocker::NotSupported(OperationKind::Stop)),
        // From suspended to stopped the way leads through active: that is the way that Azure is known to go.
        state if drift::is_at_rest(state) => act(target, Action::Resume, state, sent),
        state => act(target, Action::Stop, state, sent),
    }
}

/// Whether a request may still land after which backups would run again.
fn may_start_backups(sent: &Sent) -> bool {
    sent.may_still_land && matches!(sent.kind, OperationKind::Update | OperationKind::Resume)
}

/// Until when a deletion can be undone, if Azure says so.
fn undo_until(found: &Found) -> Option<jiff::Timestamp> {
    match found {
        Found::SoftDeleted { deleted, .. } => deleted.scheduled_purge_time,
        Found::Nothing | Found::Instance { .. } => None,
    }
}
