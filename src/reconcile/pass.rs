//! The driver: takes one object through the stages, step by step.

use std::time::Duration;

use kube::Api;
use kube::runtime::controller::Action;

use super::act::{self, Outcome};
use super::assess;
use super::assessment::{Assessment, Conclusion, Progress, Protector, Subject};
use super::blocked;
use super::context::Context;
use super::correction::Correction;
use super::error::Error;
use super::events;
use super::explain;
use super::finalizer;
use super::flight::Flight;
use super::memory::Memory;
use super::neighbours::Rival;
use super::observe::{Found, Look, Observed, Observer, Sight, Unfinished};
use super::plan::{self, Stake};
use super::record::Record;
use super::report;
use super::schedule::{Next, Pace, Standing};
use super::status::{self, Facts, Seen};
use super::step::{self, Blocker, Mutation, Plan, Release, Request, Step};
use super::trouble;
use super::validate::{Desired, Disposal, Key, Lifecycle, SpecError, Target};
use crate::api::conditions::{self, ConditionStatus, ConditionType};
use crate::api::v1alpha1::{DriftItem, Issue, IssueSource, OperationKind};
use crate::api::{Mode, PostgresBackup, PostgresBackupStatus, Reason, annotations};
use crate::azure::{AzureError, DataProtection, RunningOperation};
use crate::error_chain;

/// Steps that a pass may take one after the other: finalizer, intent, the request itself.
const MAX_STEPS: usize = 4;

/// Takes an object as far as it goes without waiting.
///
/// # Errors
/// Why the pass broke off.
pub async fn run(object: &PostgresBackup, context: &Context, azure: &DataProtection) -> Result<Action, Error> {
    let (mut current, mut found) = (object.clone(), None);
    for _ in 0..MAX_STEPS {
        match Pass::new(&current, context, azure, found.take())?.step().await? {
            Flow::Onward(newer, seen) => (current, found) = (*newer, seen),
            Flow::Until(action) => return Ok(action),
        }
    }
    Ok(Action::requeue(Duration::from_secs(1)))
}

/// How a pass goes on after a step.
enum Flow {
    /// The next step follows at once, on the object as the API server now has it and the backup instance as just seen.
    Onward(Box<PostgresBackup>, Option<Found>),
    /// The pass is over.
    Until(Action),
}

/// One step of a pass, on one version of an object.
struct Pass<'a> {
    context: &'a Context,
    azure: &'a DataProtection,
    api: Api<PostgresBackup>,
    object: &'a PostgresBackup,
    key: Key,
    previous: PostgresBackupStatus,
    memory: Memory,
    now: jiff::Timestamp,
    /// The backup instance as the step before has just seen it.
    found: Option<Found>,
}

impl<'a> Pass<'a> {
    fn new(
        object: &'a PostgresBackup,
        context: &'a Context,
        azure: &'a DataProtection,
        found: Option<Found>,
    ) -> Result<Self, Error> {
        let key = Key::of(object).map_err(Error::Identify)?;
        let previous = object.status.clone().unwrap_or_default();
        let mut memory = context.memories.recall(&key.uid);
        let is_resumed = conditions::is_true(&previous.conditions, ConditionType::Paused);
        if annotations::is_reconcile_requested(object) {
            memory.note_request();
        } else if is_resumed && !annotations::is_paused(object) {
            memory.note_progress();
        }
        Ok(Self {
            context,
            azure,
            api: Api::namespaced(context.client.clone(), &key.namespace),
            object,
            previous,
            memory,
            now: context.clock.now(),
            key,
            found,
        })
    }

    async fn step(self) -> Result<Flow, Error> {
        let lifecycle = Lifecycle::of(self.object);
        if lifecycle != Lifecycle::Live && !finalizer::is_on(self.object) {
            self.context.forget(&self.key.uid);
            return Ok(Flow::Until(Action::await_change()));
        }
        if lifecycle != Lifecycle::LettingGo && annotations::is_paused(self.object) {
            return self.paused(lifecycle).await;
        }
        let target = Target::parse(self.object, &self.key, &self.context.settings.cluster_name);
        match (lifecycle, target) {
            (Lifecycle::Live, Ok(target)) => self.live(target).await,
            (Lifecycle::Deleting(disposal), Ok(target)) => self.deleting(&target, disposal).await,
            (Lifecycle::LettingGo, target) => {
                let operation = self.previous.operation.as_ref().map(|operation| operation.kind);
                let too_late = operation == Some(OperationKind::Delete)
                    && self.memory.flight.as_ref().is_none_or(Flight::may_still_land);
                let release = if too_late { Release::RetainedTooLate } else { Release::Retained };
                self.release(release, target.ok().as_ref()).await
            }
            // Nothing was ever sent for a specification that never could be parsed.
            (Lifecycle::Deleting(_), Err(_)) if self.previous.backup_instance.is_none() => {
                self.release(Release::NothingToDelete, None).await
            }
            (Lifecycle::Live | Lifecycle::Deleting(_), Err(error)) => self.invalid(&error, None).await,
        }
    }

    async fn live(self, target: Target) -> Result<Flow, Error> {
        let desired = match Desired::parse(self.object, target.clone(), &self.context.settings.cloud) {
            Ok(desired) => desired,
            Err(error) => return self.invalid(&error, Some(&target)).await,
        };
        let patched = match finalizer::due(self.object) {
            finalizer::Due::Nothing => None,
            finalizer::Due::Add => Some(finalizer::add(&self.api, self.object).await),
            finalizer::Due::Remove => Some(finalizer::remove(&self.api, self.object).await),
        };
        if let Some(patched) = patched {
            return Ok(Flow::Onward(Box::new(patched.map_err(Error::Finalizer)?), None));
        }
        let elder =
            if desired.mode == Mode::Enforce { self.context.neighbours.elder(self.object, &target) } else { None };
        if let Some(elder) = elder {
            return self.stand_by(&elder, &target).await;
        }
        let known = self.known(desired.mode);
        match self.observer().live(&desired, &known).await {
            Ok((wanted, look)) => {
                let version = self.azure.version();
                let plan = plan::live(&desired, &wanted, &known, &look.observed, version);
                self.carry_out(&target, look, plan).await
            }
            Err(look) => self.unreadable(&target, &look).await,
        }
    }

    /// What status says, as far as it counts: whoever asks for a reconcile asks for another validation as well.
    fn known(&self, mode: Mode) -> PostgresBackupStatus {
        let asked_again = mode == Mode::ValidateOnly && annotations::is_reconcile_requested(self.object);
        let validated_request = self.previous.validated_request.clone().filter(|_| !asked_again);
        PostgresBackupStatus { validated_request, ..self.previous.clone() }
    }

    async fn deleting(self, target: &Target, disposal: Disposal) -> Result<Flow, Error> {
        match self.look_at_deleted(target, disposal).await {
            Ok((look, stake)) => {
                let step = plan::deleting(target, disposal, &look.observed, stake, self.azure.version());
                self.carry_out(target, look, step.into()).await
            }
            Err(error) => self.unreadable(target, &error.into()).await,
        }
    }

    async fn look_at_deleted(&self, target: &Target, disposal: Disposal) -> Result<(Look, Stake), AzureError> {
        let look = self.observer().deleted(target, &self.previous).await?;
        if self.context.neighbours.successor(self.object, target).is_some() {
            return Ok((look, Stake::HandedOver));
        }
        let exists = matches!(look.observed, Observed::Seen { found: Found::Instance { .. }, .. });
        let confirmed = annotations::allows_irreversible_delete(self.object, target.instance.name().as_str());
        let covered = confirmed
            || disposal != Disposal::Delete
            || !exists
            || self.observer().is_delete_reversible(target).await?;
        Ok((look, if covered { Stake::Covered } else { Stake::Final }))
    }

    fn observer(&self) -> Observer<'_> {
        Observer {
            object: self.object,
            azure: self.azure,
            vaults: &self.context.vaults,
            neighbours: &self.context.neighbours,
            remembered: self.memory.flight.as_ref(),
            found: self.found.as_ref(),
        }
    }

    /// The operator is held off.
    async fn paused(self, lifecycle: Lifecycle) -> Result<Flow, Error> {
        let status = status::paused(&self.previous, lifecycle, self.key.generation, self.now);
        report::status(&self.api, self.object, status).await?;
        Ok(Flow::Until(Action::await_change()))
    }

    /// Another object acts in this one's place.
    async fn stand_by(self, elder: &Rival, target: &Target) -> Result<Flow, Error> {
        let conclusion = Conclusion::Changed(blocked::duplicate(&elder.name));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(Some(target), conclusion, record, Seen::Nothing, Vec::new()).await
    }

    /// Acts on the plan and reports what came of it.
    async fn carry_out(mut self, target: &Target, look: Look, plan: Plan) -> Result<Flow, Error> {
        self.memory.note_look();
        self.memory.flight = look.flight;
        let plan = self.restrained(plan);
        tracing::debug!(step = ?plan.step, "Planned");
        if let Step::Release(release) = plan.step {
            return self.release(release, Some(target)).await;
        }
        self.prepare(&plan.step).await?;
        let flight = self.memory.flight.take();
        let (outcome, flight) = act::perform(self.azure, target, &plan.step, flight, self.now).await;
        let asked = flight.as_ref().and_then(Flight::operation).map(RunningOperation::poll_after);
        self.memory.poll_after = asked.or(self.memory.poll_after);
        // Whatever becomes of the report: what was sent must not be forgotten.
        self.memory.flight = flight;
        self.context.memories.remember(&self.key.uid, self.memory.clone());
        let protector = self.protector(target, &plan.step, &outcome).await;
        let subject = Subject { state: look.observed.state(), protector: protector.as_ref(), ..self.subject(target) };
        let conclusion = assess::conclude(subject, &plan, &outcome);
        let record = Record::after(&plan.step, &outcome, &self.previous, self.memory.flight.as_ref(), self.now);
        self.found = look.observed.found().filter(|_| matches!(plan.step, Step::Intend(..))).cloned();
        let seen = seen(&look.observed, &plan.step, &self.previous);
        self.report(Some(target), conclusion, record, seen, plan.drift).await
    }

    /// The plan, unless too many are being deleted, or somebody keeps undoing what it would do.
    fn restrained(&mut self, plan: Plan) -> Plan {
        let instead = match &plan.step {
            Step::Intend(Mutation::Act(act), _) if *act == step::Action::Delete => self.brake(),
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

    /// Where Azure says that the database is protected already: by which other backup instance of this vault? Not to know
    /// only makes the message shorter.
    async fn protector(&self, target: &Target, step: &Step, outcome: &Outcome) -> Option<Protector> {
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
        let can_be_named = self.object.spec.backup_instance_name.is_none();
        match self.observer().protector(target).await {
            Ok(name) => Some(Protector { name: name?, can_be_named }),
            Err(error) => {
                let error = error_chain::one_line(&error);
                tracing::warn!(error, "Could not look for the backup instance that protects the database");
                None
            }
        }
    }

    fn subject<'t>(&'t self, target: &'t Target) -> Subject<'t> {
        Subject {
            target,
            lifecycle: Lifecycle::of(self.object),
            previous: &self.previous,
            generation: self.key.generation,
            poll_after: self.memory.poll_after.unwrap_or(self.context.settings.poll_interval),
            state: None,
            protector: None,
        }
    }

    /// Before a request that changes Azure leaves: makes sure that the object is still the one that it was stored for, and
    /// has it count as lost until its answer is there, so that a pass that is cut off leaves nothing to be sent twice.
    async fn prepare(&self, step: &Step) -> Result<(), Error> {
        let Step::Send(request, _) = step else { return Ok(()) };
        let Some(flight) = self.memory.flight.clone().filter(|flight| flight.kind == request.kind()) else {
            return Ok(());
        };
        if flight.kind.changes_azure() && !flight.is_fresh() {
            report::confirm_current(&self.api, self.object).await.map_err(Error::Confirm)?;
        }
        let mut memory = self.memory.clone();
        memory.flight = Some(flight.departing());
        self.context.memories.remember(&self.key.uid, memory);
        Ok(())
    }

    async fn invalid(self, error: &SpecError, target: Option<&Target>) -> Result<Flow, Error> {
        let conclusion = trouble::invalid_spec(error, Lifecycle::of(self.object));
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(target, conclusion, record, Seen::Nothing, Vec::new()).await
    }

    async fn unreadable(mut self, target: &Target, look: &Unfinished) -> Result<Flow, Error> {
        let error = &look.error;
        tracing::warn!(class = ?error.class(), error = error_chain::one_line(error), "Could not read from Azure");
        let (looks, standing) = self.memory.note_blind_look(self.context.settings.deadline);
        let conclusion = trouble::unreadable(self.subject(target), look, looks, standing);
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        let seen = match look.sight {
            Sight::Nothing => Seen::Nothing,
            Sight::Absence => Seen::Absent,
        };
        self.report(Some(target), conclusion, record, seen, Vec::new()).await
    }

    /// Reports a conclusion and works out when to look again.
    async fn report(
        mut self,
        target: Option<&Target>,
        conclusion: Conclusion,
        record: Record,
        seen: Seen<'_>,
        drift: Vec<DriftItem>,
    ) -> Result<Flow, Error> {
        let standing = self.standing(&conclusion);
        let is_done = matches!(&conclusion, Conclusion::Changed(assessment) if assessment.progress == Progress::Done);
        let corrected = if is_done { self.memory.corrections.finish() } else { None };
        let (status, next) = match &conclusion {
            Conclusion::Unchanged(next) => {
                let status = record.entered_unless_validating(&self.previous);
                let overdue = standing == Standing::PastDeadline;
                (if overdue { status::expired(status, self.now) } else { status }, next.clone())
            }
            Conclusion::Changed(assessment) => {
                let facts = Facts {
                    generation: self.key.generation,
                    target,
                    seen,
                    drift,
                    compatibility: self.context.compatibility(self.object),
                    standing,
                    lifecycle: Lifecycle::of(self.object),
                    now: self.now,
                };
                let status = status::fold(&self.previous, assessment, &facts);
                (record.entered(status, &self.previous), assessment.next.clone())
            }
        };
        let written = report::status(&self.api, self.object, self.answered(status)).await?;
        let pace =
            Pace { attempts: self.memory.attempts(), standing, drift_interval: self.context.settings.drift_interval };
        self.memory.flight = record.flight;
        self.memory.note_next(&next);
        self.context.memories.remember(&self.key.uid, self.memory);
        let newer = written.map(|(object, event)| (Box::new(object), event));
        if let Some((_, Some(event))) = &newer {
            report::event(&self.context.recorder, self.object, event).await;
        }
        if let (Some(correction), Some(target)) = (corrected, target) {
            tracing::info!(operation = ?correction.kind, drift = ?correction.drift, "Drift is corrected");
            self.context.observer.drift_corrected(correction.kind);
            report::event(&self.context.recorder, self.object, &events::corrected(&correction, target)).await;
        }
        match (next, newer) {
            (Next::Now, Some((object, _))) => Ok(Flow::Onward(object, self.found)),
            (next, _) => Ok(Flow::Until(next.delay(pace).map_or_else(Action::await_change, Action::requeue))),
        }
    }

    /// The status with the answer to a request for a reconcile. Whoever reports is not held off.
    fn answered(&self, mut status: PostgresBackupStatus) -> PostgresBackupStatus {
        if let Some(requested) = annotations::reconcile_requested_at(self.object) {
            status.last_handled_reconcile_at = Some(requested.to_owned());
        }
        conditions::remove(&mut status.conditions, ConditionType::Paused);
        status
    }

    /// Whether the object is still within its deadline, given what the pass concludes.
    fn standing(&mut self, conclusion: &Conclusion) -> Standing {
        match conclusion {
            Conclusion::Changed(assessment) if assessment.progress == Progress::Done => {
                self.memory.note_progress();
                return Standing::WithinDeadline;
            }
            Conclusion::Changed(assessment) if is_progress(&self.previous, assessment) => self.memory.note_progress(),
            Conclusion::Unchanged(_) if conditions::is_true(&self.previous.conditions, ConditionType::Ready) => {
                return Standing::WithinDeadline;
            }
            Conclusion::Changed(_) | Conclusion::Unchanged(_) => {}
        }
        let deadline = self.context.settings.deadline;
        self.memory.standing(self.key.generation, &self.previous, deadline, self.now)
    }

    async fn release(self, release: Release, target: Option<&Target>) -> Result<Flow, Error> {
        tracing::info!(release = ?release, "Letting the deleted object go");
        if let (Release::Deleted { until }, Some(target)) = (release, target) {
            self.context.observer.deleted(target.vault().name(), until);
        }
        report::event(&self.context.recorder, self.object, &events::released(release, target)).await;
        finalizer::remove(&self.api, self.object).await.map_err(Error::Finalizer)?;
        self.context.forget(&self.key.uid);
        Ok(Flow::Until(Action::await_change()))
    }
}

/// Whether what stood in the way before a request could be made is gone: then the time for the rest starts over.
fn is_progress(previous: &PostgresBackupStatus, next: &Assessment) -> bool {
    let hindered = |issue: &Issue| matches!(issue.source, IssueSource::Validation | IssueSource::Observation);
    next.issues.is_empty() && previous.issues.iter().any(hindered)
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
