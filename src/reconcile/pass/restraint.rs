//! What holds a plan back: too many deletions at once, or somebody who keeps undoing it.

use super::Pass;
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::api::{Mode, Reason};
use crate::reconcile::flight::Flight;
use crate::reconcile::plan::correction::Correction;
use crate::reconcile::plan::step::{Action, Blocker, Mutation, Plan, Request, Step};

impl Pass<'_> {
    /// The plan, unless too many are being deleted, or somebody keeps undoing what it would do.
    pub(super) fn restrained(&mut self, plan: Plan) -> Plan {
        let instead = match &plan.step {
            Step::Intend(Mutation::Act(Action::Delete), _) | Step::Send(Request::Act(Action::Delete), _) => {
                self.brake()
            }
            Step::Intend(mutation, _) => {
                let blocker = self.contest(mutation.kind(), &plan.drift);
                self.memory.corrections.carry_out(self.key.generation, mutation.kind());
                blocker
            }
            // What comes before a change, or before a backup instance that is missing is created again.
            Step::Send(Request::ValidateChange(_), _) => self.contest(OperationKind::Update, &plan.drift),
            Step::Send(Request::Validate(_), _) => self.contest(OperationKind::Create, &plan.drift),
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
        let is_held = conditions::has_reason(&self.previous.conditions, ConditionType::Ready, Reason::HeldByBrake);
        // Who asks for one that is held means this deletion.
        let admitted = if is_held && self.memory.is_requested() {
            brake.note(&self.key.uid);
            true
        } else {
            brake.admits(&self.key.uid)
        };
        self.context.observer.deletions_held(brake.held());
        (!admitted).then_some(Blocker::HeldByBrake)
    }

    /// A change of what was right before is a correction: somebody else has changed the backup instance. So is a change
    /// that Azure has carried out and that does not show.
    fn contest(&mut self, kind: OperationKind, drift: &[DriftItem]) -> Option<Blocker> {
        if self.object.spec.mode != Mode::Enforce || self.previous.observed_generation != self.key.generation {
            return None;
        }
        let conditions = &self.previous.conditions;
        let given_up = conditions::has_reason(conditions, ConditionType::Synced, Reason::ConflictingWriter);
        if given_up && !self.memory.is_requested() {
            return Some(Blocker::Contested(kind));
        }
        let repeats = |flight: &Flight| flight.kind == kind && flight.is_over();
        let had_no_effect = !drift.is_empty() && self.memory.flight.as_ref().is_some_and(repeats);
        if !conditions::is_true(conditions, ConditionType::Ready) && !had_no_effect {
            return None;
        }
        let correction = Correction { kind, drift: drift.to_vec() };
        if self.memory.corrections.is_contested(self.key.generation, &correction) {
            return Some(Blocker::Contested(kind));
        }
        self.memory.corrections.begin(self.key.generation, correction);
        self.context.observer.drift_found(kind);
        None
    }
}
