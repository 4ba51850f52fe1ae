//! What holds a plan back: too many deletions at once, or somebody who keeps undoing it.

use super::Pass;
use crate::api::conditions::{self, ConditionStatus, ConditionType};
use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::api::{Mode, Reason, annotations};
use crate::reconcile::correction::Correction;
use crate::reconcile::step::{Action, Blocker, Mutation, Plan, Request, Step};

impl Pass<'_> {
    /// The plan, unless too many are being deleted, or somebody keeps undoing what it would do.
    pub(super) fn restrained(&mut self, plan: Plan) -> Plan {
        let instead = match &plan.step {
            Step::Intend(Mutation::Act(Action::Delete), _) => self.brake(),
            Step::Intend(mutation, _) => self.contest(mutation.kind(), &plan.drift),
            Step::Send(Request::ValidateChange(_), _) => self.contest(OperationKind::Update, &plan.drift),
            _ => None,
        };
        match instead {
            Some(blocker) => Plan { step: Step::Blocked(blocker), ..plan },
            None => plan,
        }
    }

    fn brake(&self) -> Option<Blocker> {
        let brake = &self.context.brake;
        brake.count_begun(|| self.context.neighbours.being_deleted());
        let admitted = if annotations::is_reconcile_requested(self.object) {
            brake.note(&self.key.uid);
            true
        } else {
            brake.admits(&self.key.uid)
        };
        self.context.observer.deletions_held(brake.held());
        (!admitted).then_some(Blocker::HeldByBrake)
    }

    /// A change of what was right before is a correction: somebody else has changed the backup instance.
    fn contest(&mut self, kind: OperationKind, drift: &[DriftItem]) -> Option<Blocker> {
        if self.object.spec.mode != Mode::Enforce || self.previous.observed_generation != self.key.generation {
            return None;
        }
        let ready = conditions::find(&self.previous.conditions, ConditionType::Ready)?;
        let given_up = ready.reason == Reason::ConflictingWriter.as_str();
        if given_up && !annotations::is_reconcile_requested(self.object) {
            return Some(Blocker::Contested);
        }
        if ready.status != ConditionStatus::True.as_str() {
            return None;
        }
        let correction = Correction { kind, drift: drift.to_vec() };
        if self.memory.corrections.is_contested(self.key.generation, &correction) {
            return Some(Blocker::Contested);
        }
        self.memory.corrections.begin(self.key.generation, correction);
        None
    }
}
