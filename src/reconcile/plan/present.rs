//! There is a backup instance: leave it alone, wait for it, or bring it to what the specification says.

use super::drift;
use super::step::{Action, Blocker, Mutation, Plan, Request, Rest, Step, Waiting};
use super::{Planner, act, belongs_elsewhere, may_undo, outcome, unprotected};
use crate::api::Protection;
use crate::api::v1alpha1::{DriftItem, IssueSource, OperationKind};
use crate::azure::{Instance, ProtectionState, RequestHash, ServiceError};
use crate::reconcile::observe::neighbours::Claim;
use crate::reconcile::observe::observed::{Fate, Sent};

impl Planner<'_> {
    /// The table of states and steps.
    pub(super) fn present(&self, instance: &Instance, claim: &Claim, sent: Option<&Sent>) -> Plan {
        use ProtectionState as State;

        // Whoever deletes it, it has to be gone before anything else can be done.
        if instance.protection_state == State::SoftDeleting {
            return Step::Wait(Waiting::Transition(State::SoftDeleting)).into();
        }
        if let Some(blocker) = belongs_elsewhere(&self.desired.target, instance, claim) {
            return Step::Blocked(blocker).into();
        }
        let mut drift = drift::compare(self.desired, instance, self.version);
        let step = match &instance.protection_state {
            State::ConfiguringProtection | State::UpdatingProtection | State::SoftDeleting => {
                Step::Wait(Waiting::Transition(instance.protection_state.clone()))
            }
            State::ProtectionConfigured if !drift.is_empty() && !self.may_rest_differing(sent) => {
                self.change(instance, &drift, sent)
            }
            State::ProtectionConfigured if self.desired.protection == Protection::Active => {
                self.rest(Rest::Protected, instance, sent)
            }
            State::ProtectionConfigured => self.pause(instance, sent),
            State::ProtectionError if self.desired.protection != Protection::Active => {
                self.pause_broken(instance, sent)
            }
            State::ProtectionError if drift.is_empty() => self.repair(instance, sent),
            State::ProtectionError => self.update(instance, sent),
            // A PUT is how Azure's own tools repair these. The trouble is told first, and the PUT comes at its pace.
            State::ConfiguringProtectionFailed | State::NotProtected | State::Invalid => self.configure(instance, sent),
            state if drift::reaches(state, self.desired.protection) => {
                self.rest(Rest::AtRest(state.clone()), instance, sent)
            }
            // Between stopped and suspended the way leads through active: that is the way that Azure is known to go.
            state if drift::is_at_rest(state) => self.pursue(Action::Resume, instance, sent),
            _ => unprotected(instance),
        };
        drift.extend(drift::of_protection(self.desired, instance));
        Plan { step, drift }
    }

    /// Azure could not even configure protection. A PUT that it has refused is tried again as it is, so that status goes on
    /// saying why.
    fn configure(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let refused = sent.is_some_and(|sent| sent.kind == OperationKind::Update && sent.fate == Fate::Unsent);
        if self.is_told(IssueSource::Protection) || (refused && self.is_told(IssueSource::Operation)) {
            self.update(instance, sent)
        } else {
            unprotected(instance)
        }
    }

    /// What is asked for is reached: nothing is to be done, unless a request of ours for something else may still land.
    fn rest(&self, rest: Rest, instance: &Instance, sent: Option<&Sent>) -> Step {
        sent.filter(|sent| self.may_change(instance, sent)).map_or(Step::Rest(rest), outcome)
    }

    /// Whether a request of ours may still make something else of the backup instance than what is wanted.
    pub(super) fn may_change(&self, instance: &Instance, sent: &Sent) -> bool {
        match sent.kind {
            OperationKind::Update => sent.may_still_land && sent.request != self.wanted.hash,
            _ => may_undo(sent, &instance.protection_state),
        }
    }

    /// Whether backups are to rest and Azure refuses what differs: then they rest as they are, since until they are resumed
    /// the difference has no effect.
    fn may_rest_differing(&self, sent: Option<&Sent>) -> bool {
        let refused = self.is_told(IssueSource::Validation) || self.is_told(IssueSource::Operation);
        let begun = sent.is_some_and(|sent| matches!(sent.kind, OperationKind::Stop | OperationKind::Suspend));
        self.desired.protection != Protection::Active && (refused || begun)
    }

    /// Backups run that should not.
    fn pause(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let action = match self.desired.protection {
            Protection::Suspended => Action::Suspend,
            Protection::Active | Protection::Stopped => Action::Stop,
        };
        self.pursue(action, instance, sent)
    }

    /// The same, while Azure cannot protect the database. Where it refuses to stop in that state, it has to be repaired
    /// first; once the cause is gone, `sync` does that.
    fn pause_broken(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let refused = sent.is_some_and(|sent| {
            matches!(sent.kind, OperationKind::Stop | OperationKind::Suspend) && sent.fate == Fate::Unsent
        });
        if refused && self.is_refused() && self.version.syncs() { sync() } else { self.pause(instance, sent) }
    }

    fn pursue(&self, action: Action, instance: &Instance, sent: Option<&Sent>) -> Step {
        if self.version.stops_protection() {
            act(&self.desired.target, action, &instance.protection_state, sent)
        } else {
            Step::Blocked(Blocker::NotSupported(action.kind()))
        }
    }

    /// Something differs while the database is protected: a change must not cost it its protection, so Azure is asked
    /// first, where it can be. The owner tag is nothing that Azure would judge.
    fn change(&self, instance: &Instance, drift: &[DriftItem], sent: Option<&Sent>) -> Step {
        let judged = self.version.validates_changes() && drift.iter().any(|item| item.field != drift::OWNER_TAG);
        match sent {
            Some(sent)
                if sent.kind == OperationKind::Update
                    && (sent.request == self.wanted.hash || sent.fate == Fate::Lost) =>
            {
                self.update(instance, Some(sent))
            }
            Some(sent) if may_undo(sent, &instance.protection_state) => outcome(sent),
            _ if !judged => self.update(instance, sent),
            Some(Sent { kind: OperationKind::ValidateChange, fate: Fate::Accepted | Fate::Unjudged, .. }) => {
                self.update(instance, None)
            }
            Some(Sent { kind: OperationKind::ValidateChange, fate: Fate::Failed(error), .. }) => {
                if is_no_verdict(error) {
                    self.update(instance, None)
                } else {
                    Step::Blocked(Blocker::Refused(OperationKind::ValidateChange, error.clone()))
                }
            }
            _ => self.validate_change(instance),
        }
    }

    pub(super) fn validate_change(&self, instance: &Instance) -> Step {
        let body = self.wanted.request.merged_into(&instance.raw, self.version);
        Step::Send(Request::ValidateChange(body["properties"].clone()), self.hash())
    }

    fn update(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let hash = self.hash();
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
        match sent {
            Some(sent) if may_undo(sent, &instance.protection_state) => outcome(sent),
            _ if self.is_told(IssueSource::Protection) && !tried && self.version.syncs() => sync(),
            _ => unprotected(instance),
        }
    }
}

fn sync() -> Step {
    Step::Send(Request::Sync, RequestHash::of_text("sync"))
}

/// Whether Azure's refusal says nothing about the change itself: it is answered as if the database were to be protected a
/// second time. What Azure answers to `validateForModifyBackup` was never recorded.
pub(super) fn is_no_verdict(error: &ServiceError) -> bool {
    const NO_VERDICT: [&str; 2] =
        ["UserErrorDppDatasourceAlreadyHasBackupInstance", "UserErrorDppDatasourceAlreadyProtected"];
    NO_VERDICT.iter().any(|code| error.code.eq_ignore_ascii_case(code))
}
