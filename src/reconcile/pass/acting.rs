//! The second half of a step: what was planned is done, and what came of it is reported.

use super::{Flow, Pass};
use crate::api::{PostgresBackupStatus, Reason};
use crate::azure::{DataProtection, RunningOperation};
use crate::error_chain;
use crate::reconcile::act::record::Record;
use crate::reconcile::act::{self, Outcome};
use crate::reconcile::authorize::asked::Request;
use crate::reconcile::error::Error;
use crate::reconcile::explain;
use crate::reconcile::flight::Flight;
use crate::reconcile::observe::observed::{Found, Look, Observed};
use crate::reconcile::plan::step::{Blocker, Plan, Step};
use crate::reconcile::report;
use crate::reconcile::report::assess;
use crate::reconcile::report::assessment::{Protector, Subject};
use crate::reconcile::report::status::Seen;
use crate::reconcile::validate::{Lifecycle, Target};

impl Pass<'_> {
    /// Acts on the plan and reports what came of it.
    pub(super) async fn carry_out(
        mut self,
        azure: &DataProtection,
        request: &Request,
        target: &Target,
        look: Look,
        plan: Plan,
    ) -> Result<Flow, Error> {
        self.memory.note_look();
        self.memory.flight = look.flight;
        let plan = self.restrained(plan);
        self.memory.note_answer();
        tracing::debug!(step = ?plan.step, "Planned");
        if let Step::Release(release) = plan.step {
            return self.release(release, Some(target)).await;
        }
        self.prepare(request, &plan.step).await?;
        let flight = self.memory.flight.take();
        let (outcome, flight) = act::perform(azure, target, &plan.step, flight, self.now).await;
        let asked = flight.as_ref().and_then(Flight::operation).map(RunningOperation::poll_after);
        self.memory.poll_after = asked.or(self.memory.poll_after);
        // Whatever becomes of the report: what was sent must not be forgotten.
        self.memory.flight = flight;
        self.context.memories.remember(&self.key.uid, self.memory.clone());
        let protector = self.protector(azure, target, &plan.step, &outcome).await;
        let instance = look.observed.instance();
        let subject = Subject {
            state: instance.map(|instance| &instance.protection_state),
            protection_error: instance.and_then(|instance| instance.protection_error.as_ref()),
            protector: protector.as_ref(),
            ..self.subject(target)
        };
        let conclusion = assess::conclude(subject, &plan, &outcome);
        let record = Record::after(&plan.step, &outcome, &self.previous, self.memory.flight.as_ref(), self.now);
        self.found = look.observed.found().filter(|_| matches!(plan.step, Step::Intend(..))).cloned();
        let seen = seen(&look.observed, &plan.step, &self.previous);
        self.report(Some(target), conclusion, record, seen, plan.drift).await
    }

    /// Where Azure says that the database is protected already: by which other backup instance of this vault? Not to know
    /// only makes the message shorter.
    async fn protector(
        &self,
        azure: &DataProtection,
        target: &Target,
        step: &Step,
        outcome: &Outcome,
    ) -> Option<Protector> {
        let is_protected = match (step, outcome) {
            (_, Outcome::Failed(_, error)) => explain::reason_of_answer(error) == Reason::AlreadyProtected,
            (Step::Blocked(Blocker::Refused(_, error)), _) => {
                explain::reason(error, error.class()) == Reason::AlreadyProtected
            }
            _ => false,
        };
        if !is_protected {
            return None;
        }
        // As admission sees it.
        let can_be_named = self.object.spec.backup_instance_name.is_none() && !self.previous.shows_instance();
        match self.observer(azure).protector(target).await {
            Ok(name) => Some(Protector { name: name?, can_be_named }),
            Err(error) => {
                let error = error_chain::one_line(&error);
                tracing::warn!(error, "Could not look for the backup instance that protects the database");
                None
            }
        }
    }

    pub(super) fn subject<'t>(&'t self, target: &'t Target) -> Subject<'t> {
        Subject {
            target,
            lifecycle: Lifecycle::of(self.object),
            previous: &self.previous,
            generation: self.key.generation,
            poll_after: self.memory.poll_after.unwrap_or(self.context.settings.poll_interval),
            state: None,
            protection_error: None,
            protector: None,
            secret: self.object.spec.key_vault_secret.as_ref().map(|secret| secret.uri.as_str()),
        }
    }

    /// Before a request that changes Azure leaves: makes sure that it is still permitted and that the object is still the one
    /// that it was stored for, and has it count as lost until its answer is there, so that a pass that is cut off leaves
    /// nothing to be sent twice.
    async fn prepare(&self, asked: &Request, step: &Step) -> Result<(), Error> {
        let Step::Send(request, _) = step else { return Ok(()) };
        if self.context.authority.decide(&self.key.namespace, asked).is_err() {
            return Err(Error::Revoked);
        }
        let stored = self.memory.flight.clone().filter(|flight| flight.kind == request.kind());
        if request.kind().changes_azure() && !stored.as_ref().is_some_and(Flight::is_fresh) {
            report::confirm_current(&self.api, self.object).await.map_err(Error::Confirm)?;
        }
        if let Some(flight) = stored {
            let mut memory = self.memory.clone();
            memory.flight = Some(flight.departing());
            self.context.memories.remember(&self.key.uid, memory);
        }
        Ok(())
    }
}

/// What of the observation belongs into status.
fn seen<'a>(observed: &'a Observed, step: &Step, previous: &PostgresBackupStatus) -> Seen<'a> {
    let Observed::Seen { found, .. } = observed else { return Seen::Nothing };
    let instance = match found {
        Found::Instance { instance, .. } => Some(instance),
        Found::Nothing | Found::SoftDeleted { .. } => None,
    };
    let under_way = previous.operation.as_ref().is_some_and(|operation| operation.kind.changes_azure());
    match (step, instance) {
        (Step::Wait(_) | Step::Send(..), Some(instance)) if under_way => Seen::OnTheWay(instance),
        (Step::Wait(_) | Step::Send(..), None) if under_way => Seen::Nothing,
        (_, Some(instance)) => Seen::Present(instance),
        (_, None) => Seen::Absent,
    }
}
