//! Decides the one step of a pass. Pure: the same facts give the same step.
//!
//! [`live`] serves an object that is to be protected: `absent` where there is no backup instance, `present` where there is
//! one, `passive` where the mode forbids changes. [`deleting`](deleting()) serves one that is being deleted.

pub mod correction;
pub mod drift;
pub mod step;

mod absent;
mod deleting;
mod passive;
mod present;

use std::time::Duration;

use super::observe::neighbours::Claim;
use super::observe::observed::{Fate, Found, Observed, Sent, Wanted};
use super::validate::{Desired, Target};
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::{IssueSource, OperationKind};
use crate::api::{Mode, PostgresBackupStatus, Reason};
use crate::azure::{ApiVersion, Instance, ProtectionState, RequestHash};
use step::{Action, Blocker, Certainty, Mutation, Plan, Request, Step, Waiting};

pub use deleting::{Stake, deleting};

/// Decides for an object that is to be protected.
#[must_use]
pub fn live(
    desired: &Desired,
    wanted: &Wanted,
    status: &PostgresBackupStatus,
    observed: &Observed,
    version: ApiVersion,
) -> Plan {
    let planner = Planner { desired, wanted, status, version };
    let (found, sent) = match observed {
        Observed::Running { kind, poll_after } => return running(*kind, *poll_after).into(),
        Observed::Seen { found, sent } => (found, sent.as_ref()),
    };
    match (desired.mode, found) {
        (Mode::Enforce, Found::Nothing) => planner.absent(sent).into(),
        (Mode::Enforce, Found::SoftDeleted { deleted, claim, replacement }) => {
            planner.undelete(&deleted.instance, claim, replacement.as_deref(), sent).into()
        }
        (Mode::Enforce, Found::Instance { instance, claim }) => planner.present(instance, claim, sent),
        (Mode::Observe | Mode::ValidateOnly, found) => planner.passive(found, sent),
    }
}

fn running(kind: OperationKind, poll_after: Duration) -> Step {
    Step::Wait(Waiting::Operation { kind, poll_after })
}

fn outcome(sent: &Sent) -> Step {
    let certainty = if sent.fate == Fate::Accepted { Certainty::Accepted } else { Certainty::Lost };
    Step::Wait(Waiting::Outcome(sent.kind, certainty))
}

fn unprotected(instance: &Instance) -> Step {
    Step::Blocked(Blocker::Unprotected(instance.protection_state.clone(), instance.protection_error.clone()))
}

/// Whether the backup instance is another database's: then it is left alone, always.
fn mismatch(target: &Target, instance: &Instance) -> Option<Blocker> {
    (instance.datasource().as_ref() != Some(&target.datasource)).then(|| {
        let other = instance.datasource_id.clone();
        Blocker::DatasourceMismatch(other.unwrap_or_else(|| "one that Azure does not name".to_owned()))
    })
}

/// Whether the backup instance is another database's or another owner's: then it is left alone.
fn belongs_elsewhere(target: &Target, instance: &Instance, claim: &Claim) -> Option<Blocker> {
    mismatch(target, instance).or_else(|| match claim {
        Claim::Others(owner) => Some(Blocker::OwnedByAnother(owner.clone())),
        Claim::Ours | Claim::Free => None,
    })
}

/// Brings a request without content on its way: stores it, sends it, waits for it. What was sent before and may still
/// take effect comes first.
fn act(target: &Target, action: Action, state: &ProtectionState, sent: Option<&Sent>) -> Step {
    let hash = action.hash(target);
    match sent {
        Some(sent) if sent.kind == action.kind() => match &sent.fate {
            Fate::Unsent => Step::Send(Request::Act(action), hash),
            Fate::Failed(error) => Step::Blocked(Blocker::Refused(sent.kind, error.clone())),
            Fate::Accepted | Fate::Lost => outcome(sent),
            Fate::Over | Fate::Unjudged => Step::Intend(Mutation::Act(action), hash),
        },
        Some(sent) if may_undo(sent, state) => outcome(sent),
        _ => Step::Intend(Mutation::Act(action), hash),
    }
}

/// Whether a request to a backup instance that exists may still change its `state`: it was sent, and its effect does not
/// show yet.
fn may_undo(sent: &Sent, state: &ProtectionState) -> bool {
    use OperationKind as Kind;
    use ProtectionState as State;

    sent.may_still_land
        && match sent.kind {
            Kind::Resume => *state != State::ProtectionConfigured,
            Kind::Stop => *state != State::ProtectionStopped,
            Kind::Suspend => !matches!(state, State::BackupsSuspended | State::BackupSchedulesSuspended),
            Kind::Update => sent.fate != Fate::Accepted,
            Kind::Delete => true,
            Kind::Create | Kind::Undelete | Kind::Sync | Kind::Validate | Kind::ValidateChange => false,
        }
}

/// What the decisions about a live object rest on.
struct Planner<'a> {
    desired: &'a Desired,
    wanted: &'a Wanted,
    status: &'a PostgresBackupStatus,
    version: ApiVersion,
}

impl Planner<'_> {
    fn hash(&self) -> RequestHash {
        self.wanted.hash.clone()
    }

    fn validate(&self) -> Step {
        Step::Send(Request::Validate(Box::new(self.wanted.request.clone())), self.hash())
    }

    /// Whether validation has accepted what is wanted now.
    fn is_validated(&self) -> bool {
        self.status.validated_request.as_deref() == Some(self.wanted.hash.as_str())
    }

    /// Whether status tells that Azure has refused a request for what it is, and not for the moment or for want of a right.
    fn is_refused(&self) -> bool {
        self.is_told(IssueSource::Operation)
            && conditions::has_reason(&self.status.conditions, ConditionType::Ready, Reason::RequestRefused)
    }

    /// Whether status tells already of trouble that was said by `source`.
    fn is_told(&self, source: IssueSource) -> bool {
        self.status.issues.iter().any(|issue| issue.source == source)
    }
}

#[cfg(test)]
mod tests;
