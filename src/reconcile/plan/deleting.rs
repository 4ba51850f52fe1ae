//! The object is deleted: delete its backup instance or stop its backups, and let it go.

use super::{act, mismatch, outcome, running};
use crate::api::v1alpha1::OperationKind;
use crate::azure::{ApiVersion, Instance, ProtectionState};
use crate::reconcile::drift;
use crate::reconcile::neighbours::Claim;
use crate::reconcile::observed::{Fate, Found, Observed, Sent};
use crate::reconcile::step::{Action, Blocker, Mutation, Release, Step, Waiting};
use crate::reconcile::validate::{Disposal, Target};

/// What speaks for and against touching the backup instance of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stake {
    /// Another object takes the backup instance over.
    HandedOver,
    /// Deleting it can be undone for a while, or somebody has confirmed that it need not be.
    Covered,
    /// Nobody could undo a deletion, and nobody has confirmed it.
    Final,
}

/// Decides for an object that is deleted and claims its backup instance.
#[must_use]
pub fn deleting(target: &Target, disposal: Disposal, observed: &Observed, stake: Stake, version: ApiVersion) -> Step {
    use OperationKind::{Create, Delete, Undelete, Update};

    let (found, sent) = match observed {
        Observed::Running { kind, poll_after } => return running(*kind, *poll_after),
        Observed::Seen { found, sent } => (found, sent.as_ref()),
    };
    let deletes = sent.is_some_and(|sent| sent.kind == Delete && sent.fate != Fate::Unsent);
    if stake == Stake::HandedOver && !deletes {
        return Step::Release(Release::HandedOver);
    }
    let (instance, claim) = match found {
        Found::Instance { instance, claim } => (instance, claim),
        Found::Nothing | Found::SoftDeleted { .. } => {
            return match sent {
                // What may still land would leave a backup instance that nobody owns.
                Some(sent) if matches!(sent.kind, Create | Update | Undelete) && sent.may_still_land => outcome(sent),
                Some(sent) if sent.kind == Delete => Step::Release(Release::Deleted { until: undo_until(found) }),
                _ => Step::Release(Release::NothingToDelete),
            };
        }
    };
    if mismatch(target, instance).is_some() || *claim != Claim::Ours {
        return Step::Release(Release::NotOurs);
    }
    if instance.protection_state == ProtectionState::SoftDeleting {
        return Step::Wait(Waiting::Transition(ProtectionState::SoftDeleting));
    }
    match disposal {
        Disposal::Delete => match act(target, Action::Delete, &instance.protection_state, sent) {
            Step::Intend(Mutation::Act(Action::Delete), _) if stake == Stake::Final => {
                Step::Blocked(Blocker::Irreversible)
            }
            step => step,
        },
        Disposal::Stop => stop(target, instance, sent, version),
    }
}

fn stop(target: &Target, instance: &Instance, sent: Option<&Sent>, version: ApiVersion) -> Step {
    use ProtectionState as State;

    let state = &instance.protection_state;
    match state {
        State::ProtectionStopped => Step::Release(Release::Stopped),
        // No backups are taken, and Azure has nothing that it could stop.
        State::NotProtected | State::Invalid | State::ConfiguringProtectionFailed | State::SoftDeleted => {
            Step::Release(Release::Stopped)
        }
        State::ConfiguringProtection | State::UpdatingProtection => Step::Wait(Waiting::Transition(state.clone())),
        _ if !version.stops_protection() => Step::Blocked(Blocker::NotSupported(OperationKind::Stop)),
        // From suspended to stopped the way leads through active: that is the way that Azure is known to go.
        state if drift::is_at_rest(state) => act(target, Action::Resume, state, sent),
        state => act(target, Action::Stop, state, sent),
    }
}

/// Until when a deletion can be undone, if Azure says so.
fn undo_until(found: &Found) -> Option<jiff::Timestamp> {
    match found {
        Found::SoftDeleted { deleted, .. } => deleted.scheduled_purge_time,
        Found::Nothing | Found::Instance { .. } => None,
    }
}
