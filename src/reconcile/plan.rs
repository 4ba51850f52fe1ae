//! Decides the one step of a pass. Pure: the same facts give the same step.

use std::time::Duration;

use jiff::Timestamp;

use super::drift;
use super::observe::{Fate, Observed, Recorded, Wanted};
use super::step::{Blocker, Mutation, Plan, Release, Request, Step, Waiting};
use super::validate::{Desired, Target};
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{ApiVersion, Instance, ProtectionState, RequestHash};

/// How long a request whose outcome is unknown may still take effect. Until then nothing is sent again and nothing is
/// let go: a PUT that lands late must not become an orphan.
pub const UNCERTAINTY: Duration = Duration::from_secs(5 * 60);

/// Decides for an object that is to be protected.
#[must_use]
pub fn live(
    desired: &Desired,
    wanted: &Wanted,
    status: &PostgresBackupStatus,
    observed: &Observed,
    version: ApiVersion,
    now: Timestamp,
) -> Plan {
    let planner = Planner { desired, wanted, version, now };
    match observed {
        Observed::Running { kind, poll_after } => running(*kind, *poll_after).into(),
        Observed::Seen { instance: None, recorded } => planner.absent(status, recorded.as_ref()).into(),
        Observed::Seen { instance: Some(instance), recorded } => planner.present(instance, recorded.as_ref()),
    }
}

/// Decides for an object that is deleted and whose backup instance is to be deleted with it.
#[must_use]
pub fn deleting(target: &Target, observed: &Observed, version: ApiVersion, now: Timestamp) -> Step {
    use OperationKind::{Create, Delete, Update};

    let (instance, recorded) = match observed {
        Observed::Running { kind, poll_after } => return running(*kind, *poll_after),
        Observed::Seen { instance, recorded } => (instance, recorded.as_ref()),
    };
    let Some(instance) = instance else {
        return match recorded {
            // A create that may still land would leave a backup instance that nobody owns.
            Some(sent) if matches!(sent.kind, Create | Update) && may_still_land(sent, now) => {
                Step::Wait(Waiting::Outcome(sent.kind))
            }
            Some(sent) if sent.kind == Delete => Step::Release(Release::Deleted),
            _ => Step::Release(Release::NothingToDelete),
        };
    };
    if belongs_elsewhere(target, instance, version).is_some() {
        return Step::Release(Release::NotOurs);
    }
    if instance.protection_state == ProtectionState::SoftDeleting {
        return Step::Wait(Waiting::Transition(ProtectionState::SoftDeleting));
    }
    let hash = RequestHash::of_text(&target.instance.to_string());
    match recorded {
        Some(sent) if sent.kind == Update && may_still_land(sent, now) => Step::Wait(Waiting::Outcome(sent.kind)),
        Some(Recorded { kind: Delete, fate, .. }) => match fate {
            Fate::Unsent | Fate::Answered => Step::Send(Request::Delete, hash),
            Fate::Failed(error) => Step::Blocked(Blocker::Refused(Delete, error.clone())),
            Fate::Unknown | Fate::Succeeded if is_young(recorded, now) => Step::Wait(Waiting::Outcome(Delete)),
            Fate::Unknown | Fate::Succeeded => Step::Intend(Mutation::Delete, hash),
        },
        _ => Step::Intend(Mutation::Delete, hash),
    }
}

fn running(kind: OperationKind, poll_after: Duration) -> Step {
    Step::Wait(Waiting::Operation { kind, poll_after })
}

/// What the decisions about a live object rest on.
struct Planner<'a> {
    desired: &'a Desired,
    wanted: &'a Wanted,
    version: ApiVersion,
    now: Timestamp,
}

impl Planner<'_> {
    /// There is no backup instance: validate, then create.
    fn absent(&self, status: &PostgresBackupStatus, recorded: Option<&Recorded>) -> Step {
        let hash = self.wanted.hash.clone();
        match recorded {
            Some(Recorded { kind: OperationKind::Create, request, fate, .. }) => match fate {
                Fate::Unsent | Fate::Answered if *request == hash => {
                    let body = self.wanted.request.resource(self.desired.target.instance.name(), self.version);
                    return Step::Send(Request::Create(body), hash);
                }
                Fate::Failed(error) => return Step::Blocked(Blocker::Refused(OperationKind::Create, error.clone())),
                Fate::Unknown | Fate::Succeeded | Fate::Answered if is_young(recorded, self.now) => {
                    return Step::Wait(Waiting::Outcome(OperationKind::Create));
                }
                _ => {}
            },
            Some(Recorded { kind: OperationKind::Validate, fate, .. }) => match fate {
                Fate::Succeeded => return Step::Intend(Mutation::Create, hash),
                Fate::Failed(error) => return Step::Blocked(Blocker::Refused(OperationKind::Validate, error.clone())),
                _ => {}
            },
            _ => {}
        }
        if status.validated_request.as_deref() == Some(hash.as_str()) {
            Step::Intend(Mutation::Create, hash)
        } else {
            Step::Send(Request::Validate(Box::new(self.wanted.request.clone())), hash)
        }
    }

    /// There is a backup instance: leave it alone, wait for it, or bring it to what the specification says.
    fn present(&self, instance: &Instance, recorded: Option<&Recorded>) -> Plan {
        use ProtectionState as State;

        if let Some(blocker) = belongs_elsewhere(&self.desired.target, instance, self.version) {
            return Step::Blocked(blocker).into();
        }
        let drift = drift::compare(self.desired, instance, self.version);
        let step = match &instance.protection_state {
            State::ConfiguringProtection | State::UpdatingProtection | State::SoftDeleting => {
                Step::Wait(Waiting::Transition(instance.protection_state.clone()))
            }
            State::ProtectionConfigured if drift.is_empty() => Step::Rest,
            State::ProtectionError if drift.is_empty() => unprotected(instance),
            State::ProtectionConfigured | State::ProtectionError => self.update(instance, recorded),
            // A PUT is how Azure's own tools repair these; it comes at the pace of the trouble that they report.
            State::ConfiguringProtectionFailed | State::NotProtected | State::Invalid => match recorded {
                Some(Recorded { kind: OperationKind::Create, .. }) => unprotected(instance),
                _ => self.update(instance, recorded),
            },
            _ => unprotected(instance),
        };
        Plan { step, drift }
    }

    fn update(&self, instance: &Instance, recorded: Option<&Recorded>) -> Step {
        let hash = self.wanted.hash.clone();
        let Some(Recorded { kind: OperationKind::Update, request, fate, .. }) = recorded else {
            return Step::Intend(Mutation::Update, hash);
        };
        let young = is_young(recorded, self.now);
        match fate {
            Fate::Unsent | Fate::Answered if *request == hash => {
                Step::Send(Request::Update(self.wanted.request.merged_into(&instance.raw, self.version)), hash)
            }
            Fate::Failed(error) => Step::Blocked(Blocker::Refused(OperationKind::Update, error.clone())),
            Fate::Unknown | Fate::Answered if young => Step::Wait(Waiting::Outcome(OperationKind::Update)),
            // Azure may show the old values for a while after it has taken the new ones.
            Fate::Succeeded if *request == hash && young => Step::Wait(Waiting::Outcome(OperationKind::Update)),
            _ => Step::Intend(Mutation::Update, hash),
        }
    }
}

fn unprotected(instance: &Instance) -> Step {
    Step::Blocked(Blocker::Unprotected(instance.protection_state.clone(), instance.protection_error.clone()))
}

/// Whether the backup instance is another database's or another owner's: then it is left alone, always.
fn belongs_elsewhere(target: &Target, instance: &Instance, version: ApiVersion) -> Option<Blocker> {
    if instance.datasource().as_ref() != Some(&target.datasource) {
        let other = instance.datasource_id.clone().unwrap_or_else(|| "one that Azure does not name".to_owned());
        return Some(Blocker::DatasourceMismatch(other));
    }
    let owner = instance.tag(&target.owner.name).filter(|_| version.carries_tags())?;
    (owner != target.owner.value).then(|| Blocker::OwnedByAnother(owner.to_owned()))
}

/// Whether a request that was sent may take effect after now.
fn may_still_land(sent: &Recorded, now: Timestamp) -> bool {
    matches!(sent.fate, Fate::Unknown | Fate::Answered | Fate::Succeeded) && is_young(Some(sent), now)
}

fn is_young(recorded: Option<&Recorded>, now: Timestamp) -> bool {
    recorded.is_some_and(|recorded| {
        let age = now.duration_since(recorded.started_at);
        // A start in the future is a clock that was set back: it counts as just now.
        Duration::try_from(age).unwrap_or_default() < UNCERTAINTY
    })
}

#[cfg(test)]
mod tests;
