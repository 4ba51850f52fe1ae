//! The mode forbids changes: look, compare, and have Azure judge what it can.

use super::drift;
use super::present::is_no_verdict;
use super::step::{Blocker, Plan, Rest, Step, Waiting};
use super::{Planner, mismatch, outcome, unprotected};
use crate::api::v1alpha1::OperationKind;
use crate::api::{Mode, Protection};
use crate::azure::{Instance, ProtectionState, RequestHash};
use crate::reconcile::observe::observed::{Fate, Found, Sent};

impl Planner<'_> {
    /// Decides in the modes `Observe` and `ValidateOnly`. What was sent before the mode was set may still show.
    pub(super) fn passive(&self, found: &Found, sent: Option<&Sent>) -> Plan {
        let under_way = sent.filter(|sent| sent.kind.changes_azure() && sent.may_still_land);
        match found {
            Found::Nothing => match under_way {
                Some(sent) => outcome(sent).into(),
                None if self.desired.mode == Mode::ValidateOnly => self.validated(sent).into(),
                None => Step::Blocked(Blocker::NotCreated).into(),
            },
            Found::SoftDeleted { deleted, .. } => match mismatch(&self.desired.target, &deleted.instance) {
                Some(blocker) => Step::Blocked(blocker).into(),
                None => Step::Blocked(Blocker::SoftDeleted { until: deleted.scheduled_purge_time }).into(),
            },
            Found::Instance { instance, .. } => self.compared(instance, sent),
        }
    }

    /// Nothing is there: would Azure accept it?
    fn validated(&self, sent: Option<&Sent>) -> Step {
        match sent.filter(|sent| sent.kind == OperationKind::Validate).map(|sent| &sent.fate) {
            Some(Fate::Accepted) => Step::Rest(Rest::Validated(self.hash())),
            Some(Fate::Failed(error)) => Step::Blocked(Blocker::Refused(OperationKind::Validate, error.clone())),
            _ if self.is_validated() => Step::Rest(Rest::Validated(self.hash())),
            _ => self.validate(),
        }
    }

    fn compared(&self, instance: &Instance, sent: Option<&Sent>) -> Plan {
        use ProtectionState as State;

        let state = &instance.protection_state;
        if let Some(blocker) = mismatch(&self.desired.target, instance) {
            return Step::Blocked(blocker).into();
        }
        // What the comparison says would not stay true.
        if let Some(sent) = sent.filter(|sent| self.may_change(instance, sent)) {
            return outcome(sent).into();
        }
        let changes = drift::compare(self.desired, instance, self.version);
        let protection = drift::of_protection(self.desired, instance);
        let step = match state {
            State::ConfiguringProtection | State::UpdatingProtection | State::SoftDeleting => {
                Step::Wait(Waiting::Transition(state.clone()))
            }
            State::ProtectionConfigured | State::ProtectionError if self.desired.mode == Mode::ValidateOnly => {
                if changes.is_empty() {
                    Step::Rest(Rest::NothingToValidate)
                } else {
                    self.judged(instance, sent)
                }
            }
            state if drift::is_at_rest(state) && self.desired.mode == Mode::ValidateOnly => {
                let same = changes.is_empty() && protection.is_none();
                if same {
                    Step::Rest(Rest::NothingToValidate)
                } else {
                    Step::Blocked(Blocker::CannotValidate(state.clone()))
                }
            }
            State::ProtectionConfigured if changes.is_empty() && protection.is_none() => Step::Rest(Rest::Protected),
            state if drift::reaches(state, self.desired.protection) && changes.is_empty() => {
                Step::Rest(Rest::AtRest(state.clone()))
            }
            State::ProtectionError if self.desired.protection == Protection::Active => unprotected(instance),
            State::ProtectionConfigured | State::ProtectionError => Step::Blocked(Blocker::Drifted),
            state if drift::is_at_rest(state) => Step::Blocked(Blocker::Drifted),
            _ => unprotected(instance),
        };
        Plan { step, drift: changes.into_iter().chain(protection).collect() }
    }

    /// It is there and differs: would Azure accept the change?
    fn judged(&self, instance: &Instance, sent: Option<&Sent>) -> Step {
        let cannot = || Step::Blocked(Blocker::CannotValidate(instance.protection_state.clone()));
        match sent.filter(|sent| sent.kind == OperationKind::ValidateChange).map(|sent| &sent.fate) {
            Some(Fate::Accepted) => Step::Rest(Rest::Validated(self.hash_of_change())),
            Some(Fate::Unjudged) => cannot(),
            Some(Fate::Failed(error)) if is_no_verdict(error) => cannot(),
            Some(Fate::Failed(error)) => Step::Blocked(Blocker::Refused(OperationKind::ValidateChange, error.clone())),
            _ if self.status.validated_request.as_deref() == Some(self.hash_of_change().as_str()) => {
                Step::Rest(Rest::Validated(self.hash_of_change()))
            }
            _ if self.version.validates_changes() => self.validate_change(instance),
            _ => cannot(),
        }
    }

    /// What stands for an accepted change: that says nothing about a create of the same content.
    fn hash_of_change(&self) -> RequestHash {
        RequestHash::of_text(&format!("change {}", self.wanted.hash.as_str()))
    }
}
