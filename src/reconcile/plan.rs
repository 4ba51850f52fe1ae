//! Decides the one step of a pass. Pure: the same facts give the same step.

use std::time::Duration;

use super::drift;
use super::observe::{Fate, Observed, Sent, Wanted};
use super::step::{Blocker, Certainty, Mutation, Plan, Release, Request, Step, Waiting};
use super::validate::{Desired, Target};
use crate::api::PostgresBackupStatus;
use crate::api::v1alpha1::{IssueSource, OperationKind};
use crate::azure::{ApiVersion, Instance, ProtectionState, RequestHash};

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
    match observed {
        Observed::Running { kind, poll_after } => running(*kind, *poll_after).into(),
        Observed::Seen { instance: None, sent } => planner.absent(sent.as_ref()).into(),
        Observed::Seen { instance: Some(instance), sent } => planner.present(instance, sent.as_ref()),
    }
}

/// Decides for an object that is deleted and whose backup instance is to be deleted with it.
#[must_use]
pub fn deleting(target: &Target, observed: &Observed, version: ApiVersion) -> Step {
    use OperationKind::{Create, Delete, Update};

    let (instance, sent) = match observed {
        Observed::Running { kind, poll_after } => return running(*kind, *poll_after),
        Observed::Seen { instance, sent } => (instance, sent.as_ref()),
    };
    let Some(instance) = instance else {
        return match sent {
            // A create that may still land would leave a backup instance that nobody owns.
            Some(sent) if matches!(sent.kind, Create | Update) && sent.may_still_land => outcome(sent),
            Some(sent) if sent.kind == Delete => Step::Release(Release::Deleted),
            _ => Step::Release(Release::NothingToDelete),
        };
    };
    if belongs_elsewhere(target, instance, version).is_some() || !is_marked(target, instance, version) {
        return Step::Release(Release::NotOurs);
    }
    if instance.protection_state == ProtectionState::SoftDeleting {
        return Step::Wait(Waiting::Transition(ProtectionState::SoftDeleting));
    }
    let hash = RequestHash::of_text(&target.instance.to_string());
    match sent {
        Some(sent) if sent.kind == Update && sent.may_still_land => outcome(sent),
        Some(sent) if sent.kind == Delete => match &sent.fate {
            Fate::Unsent => Step::Send(Request::Delete, hash),
            Fate::Failed(error) => Step::Blocked(Blocker::Refused(Delete, error.clone())),
            Fate::Accepted | Fate::Lost => outcome(sent),
            Fate::Over => Step::Intend(Mutation::Delete, hash),
        },
        _ => Step::Intend(Mutation::Delete, hash),
    }
}

fn running(kind: OperationKind, poll_after: Duration) -> Step {
    Step::Wait(Waiting::Operation { kind, poll_after })
}

fn outcome(sent: &Sent) -> Step {
    let certainty = if sent.fate == Fate::Accepted { Certainty::Accepted } else { Certainty::Lost };
    Step::Wait(Waiting::Outcome(sent.kind, certainty))
}

/// What the decisions about a live object rest on.
struct Planner<'a> {
    desired: &'a Desired,
    wanted: &'a Wanted,
    status: &'a PostgresBackupStatus,
    version: ApiVersion,
}

impl Planner<'_> {
    /// There is no backup instance: validate, then create.
    fn absent(&self, sent: Option<&Sent>) -> Step {
        use OperationKind::{Create, Update, Validate};

        let hash = self.wanted.hash.clone();
        match sent {
            Some(sent) if sent.kind == Create && sent.request == hash => match &sent.fate {
                Fate::Unsent => {
                    let body = self.wanted.request.resource(self.desired.target.instance.name(), self.version);
                    return Step::Send(Request::Create(body), hash);
                }
                Fate::Failed(error) => return Step::Blocked(Blocker::Refused(Create, error.clone())),
                Fate::Accepted | Fate::Lost => return outcome(sent),
                Fate::Over => {}
            },
            // Another content than the one wanted now may still land: then it is a backup instance to be changed.
            Some(sent) if matches!(sent.kind, Create | Update) && sent.may_still_land => return outcome(sent),
            Some(Sent { kind: Validate, fate: Fate::Accepted, .. }) => return Step::Intend(Mutation::Create, hash),
            Some(Sent { kind: Validate, fate: Fate::Failed(error), .. }) => {
                return Step::Blocked(Blocker::Refused(Validate, error.clone()));
            }
            _ => {}
        }
        if self.status.validated_request.as_deref() == Some(hash.as_str()) {
            Step::Intend(Mutation::Create, hash)
        } else {
            Step::Send(Request::Validate(Box::new(self.wanted.request.clone())), hash)
        }
    }

    /// There is a backup instance: leave it alone, wait for it, or bring it to what the specification says.
    fn present(&self, instance: &Instance, sent: Option<&Sent>) -> Plan {
        use ProtectionState as State;

        if let Some(blocker) = belongs_elsewhere(&self.desired.target, instance, self.version) {
            return Step::Blocked(blocker).into();
        }
        let drift = drift::compare(self.desired, instance, self.version);
        let step = match &instance.protection_state {
            State::ConfiguringProtection | State::UpdatingProtection | State::SoftDeleting => {
                Step::Wait(Waiting::Transition(instance.protection_state.clone()))
            }
            State::ProtectionConfigured if drift.is_empty() => self.rest(sent),
            State::ProtectionError if drift.is_empty() => self.repair(instance, sent),
            State::ProtectionConfigured | State::ProtectionError => self.update(instance, sent),
            // A PUT is how Azure's own tools repair these. The trouble is told first, and the PUT comes at its pace.
            State::ConfiguringProtectionFailed | State::NotProtected | State::Invalid => {
                if self.is_told() {
                    self.update(instance, sent)
                } else {
                    unprotected(instance)
                }
            }
            _ => unprotected(instance),
        };
        Plan { step, drift }
    }

    /// Nothing differs: nothing is to be done, unless a change of ours to something else may still land.
    fn rest(&self, sent: Option<&Sent>) -> Step {
        match sent {
            Some(sent)
                if sent.kind == OperationKind::Update && sent.may_still_land && sent.request != self.wanted.hash =>
            {
                outcome(sent)
            }
            _ => Step::Rest,
        }
    }

    fn update(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let hash = self.wanted.hash.clone();
        let Some(sent) = sent.filter(|sent| sent.kind == OperationKind::Update) else {
            return Step::Intend(Mutation::Update, hash);
        };
        let same = sent.request == hash;
        match &sent.fate {
            Fate::Unsent if same => {
                Step::Send(Request::Update(self.wanted.request.merged_into(&instance.raw, self.version)), hash)
            }
            Fate::Failed(error) if same => Step::Blocked(Blocker::Refused(OperationKind::Update, error.clone())),
            // Azure may show the old values for a while after it has taken the new ones.
            Fate::Accepted if same => outcome(sent),
            Fate::Lost => outcome(sent),
            _ => Step::Intend(Mutation::Update, hash),
        }
    }

    /// Azure could not protect the database, and nothing differs: have it try again, at the pace of the trouble, which
    /// succeeds once what was missing is there.
    fn repair(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let tried = sent.is_some_and(|sent| sent.kind == OperationKind::Sync);
        if self.is_told() && !tried && self.version.syncs() {
            Step::Send(Request::Sync, RequestHash::of_text("sync"))
        } else {
            unprotected(instance)
        }
    }

    /// Whether status tells already that Azure does not protect the database.
    fn is_told(&self) -> bool {
        self.status.issues.iter().any(|issue| issue.source == IssueSource::Protection)
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

/// Whether the backup instance carries this object's owner tag, as far as `version` shows tags.
fn is_marked(target: &Target, instance: &Instance, version: ApiVersion) -> bool {
    !version.carries_tags() || instance.tag(&target.owner.name) == Some(target.owner.value.as_str())
}

#[cfg(test)]
mod tests;
