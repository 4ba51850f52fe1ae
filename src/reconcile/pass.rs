//! The driver: takes one object through the stages, step by step.

use std::time::Duration;

use kube::Api;
use kube::runtime::controller::Action;

use super::act;
use super::assess;
use super::assessment::{Assessment, Conclusion, Progress, Subject};
use super::context::Context;
use super::error::Error;
use super::events;
use super::finalizer;
use super::flight::Flight;
use super::memory::Memory;
use super::observe::{Look, Observed, Observer};
use super::plan;
use super::record::Record;
use super::report;
use super::schedule::{Next, Pace, Standing};
use super::status::{self, Facts, Seen};
use super::step::{Plan, Release, Step};
use super::trouble;
use super::validate::{Desired, Key, Lifecycle, SpecError, Target};
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::{DriftItem, Issue, IssueSource, OperationKind};
use crate::api::{PostgresBackup, PostgresBackupStatus};
use crate::azure::{AzureError, DataProtection, RunningOperation};
use crate::error_chain;

/// Steps that a pass may take one after the other: finalizer, intent, the request itself.
const MAX_STEPS: usize = 4;

/// Takes an object as far as it goes without waiting.
///
/// # Errors
/// Why the pass broke off.
pub async fn run(object: &PostgresBackup, context: &Context, azure: &DataProtection) -> Result<Action, Error> {
    let mut current = object.clone();
    for _ in 0..MAX_STEPS {
        match Pass::new(&current, context, azure)?.step().await? {
            Flow::Onward(newer) => current = *newer,
            Flow::Until(action) => return Ok(action),
        }
    }
    Ok(Action::requeue(Duration::from_secs(1)))
}

/// How a pass goes on after a step.
enum Flow {
    /// The next step follows at once, on the object as the API server now has it.
    Onward(Box<PostgresBackup>),
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
}

impl<'a> Pass<'a> {
    fn new(object: &'a PostgresBackup, context: &'a Context, azure: &'a DataProtection) -> Result<Self, Error> {
        let key = Key::of(object).map_err(Error::Identify)?;
        Ok(Self {
            context,
            azure,
            api: Api::namespaced(context.client.clone(), &key.namespace),
            object,
            previous: object.status.clone().unwrap_or_default(),
            memory: context.memories.recall(&key.uid),
            now: context.clock.now(),
            key,
        })
    }

    async fn step(self) -> Result<Flow, Error> {
        let lifecycle = Lifecycle::of(self.object);
        if lifecycle != Lifecycle::Live && !finalizer::is_on(self.object) {
            self.context.memories.forget(&self.key.uid);
            return Ok(Flow::Until(Action::await_change()));
        }
        let target = Target::parse(self.object, &self.key, &self.context.settings.cluster_name);
        match (lifecycle, target) {
            (Lifecycle::Live, Ok(target)) => self.live(target).await,
            (Lifecycle::Deleting, Ok(target)) => self.deleting(&target).await,
            (Lifecycle::LettingGo, target) => {
                let operation = self.previous.operation.as_ref().map(|operation| operation.kind);
                let too_late = operation == Some(OperationKind::Delete)
                    && self.memory.flight.as_ref().is_none_or(Flight::may_still_land);
                let release = if too_late { Release::RetainedTooLate } else { Release::Retained };
                self.release(release, target.ok().as_ref()).await
            }
            // Nothing was ever sent for a specification that never could be parsed.
            (Lifecycle::Deleting, Err(_)) if self.previous.backup_instance.is_none() => {
                self.release(Release::NothingToDelete, None).await
            }
            (Lifecycle::Live | Lifecycle::Deleting, Err(error)) => self.invalid(&error, None).await,
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
            return Ok(Flow::Onward(Box::new(patched.map_err(Error::Finalizer)?)));
        }
        match self.observer().live(&desired, &self.previous).await {
            Ok((wanted, look)) => {
                let version = self.azure.version();
                let plan = plan::live(&desired, &wanted, &self.previous, &look.observed, version);
                self.carry_out(&target, look, plan).await
            }
            Err(error) => self.unreadable(&target, &error).await,
        }
    }

    async fn deleting(self, target: &Target) -> Result<Flow, Error> {
        match self.observer().deleted(target, &self.previous).await {
            Ok(look) => {
                let step = plan::deleting(target, &look.observed, self.azure.version());
                self.carry_out(target, look, step.into()).await
            }
            Err(error) => self.unreadable(target, &error).await,
        }
    }

    fn observer(&self) -> Observer<'_> {
        let remembered = self.memory.flight.as_ref();
        Observer { azure: self.azure, vaults: &self.context.vaults, remembered }
    }

    /// Acts on the plan and reports what came of it.
    async fn carry_out(mut self, target: &Target, look: Look, plan: Plan) -> Result<Flow, Error> {
        tracing::debug!(step = ?plan.step, "Planned");
        self.memory.note_look();
        self.memory.flight = look.flight;
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
        let conclusion = assess::conclude(self.subject(target), &plan, &outcome);
        let record = Record::after(&plan.step, &outcome, &self.previous, self.memory.flight.as_ref(), self.now);
        let seen = seen(&look.observed, &plan.step, &self.previous);
        self.report(Some(target), conclusion, record, seen, plan.drift).await
    }

    fn subject<'t>(&'t self, target: &'t Target) -> Subject<'t> {
        Subject {
            target,
            lifecycle: Lifecycle::of(self.object),
            previous: &self.previous,
            generation: self.key.generation,
            poll_after: self.memory.poll_after.unwrap_or(self.context.settings.poll_interval),
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

    async fn unreadable(mut self, target: &Target, error: &AzureError) -> Result<Flow, Error> {
        tracing::warn!(class = ?error.class(), error = error_chain::one_line(error), "Could not read from Azure");
        let (looks, standing) = self.memory.note_blind_look(self.context.settings.deadline);
        let conclusion = trouble::unreadable(self.subject(target), error, looks, standing);
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(Some(target), conclusion, record, Seen::Nothing, Vec::new()).await
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
                    now: self.now,
                };
                let status = status::fold(&self.previous, assessment, &facts);
                (record.entered(status, &self.previous), assessment.next.clone())
            }
        };
        let written = report::status(&self.api, self.object, status).await?;
        let pace =
            Pace { attempts: self.memory.attempts(), standing, drift_interval: self.context.settings.drift_interval };
        self.memory.flight = record.flight;
        self.memory.note_next(&next);
        self.context.memories.remember(&self.key.uid, self.memory);
        let newer = written.map(|(object, event)| (Box::new(object), event));
        if let Some((_, Some(event))) = &newer {
            report::event(&self.context.recorder, self.object, event).await;
        }
        match (next, newer) {
            (Next::Now, Some((object, _))) => Ok(Flow::Onward(object)),
            (next, _) => Ok(Flow::Until(next.delay(pace).map_or_else(Action::await_change, Action::requeue))),
        }
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
        report::event(&self.context.recorder, self.object, &events::released(release, target)).await;
        finalizer::remove(&self.api, self.object).await.map_err(Error::Finalizer)?;
        self.context.memories.forget(&self.key.uid);
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
    let Observed::Seen { instance, .. } = observed else { return Seen::Nothing };
    let under_way = previous.operation.as_ref().is_some_and(|operation| operation.kind.changes_azure());
    match (step, instance) {
        (Step::Wait(_) | Step::Send(..), Some(instance)) if under_way => Seen::OnTheWay(instance),
        (Step::Wait(_) | Step::Send(..), None) if under_way => Seen::Nothing,
        (_, Some(instance)) => Seen::Present(instance),
        (_, None) => Seen::Absent,
    }
}
