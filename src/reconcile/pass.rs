//! The driver: takes one object through the stages, step by step.

use std::time::Duration;

use kube::Api;
use kube::runtime::controller::Action;

use super::act;
use super::assess;
use super::assessment::{Conclusion, Progress};
use super::context::Context;
use super::error::{self, Error};
use super::events;
use super::finalizer;
use super::memory::{Memory, Stage};
use super::observe::{Observed, Observer};
use super::plan;
use super::record::{self, Record};
use super::report;
use super::schedule::{Next, Pace, Standing};
use super::status::{self, Facts, Seen};
use super::step::{Plan, Release, Step};
use super::trouble;
use super::validate::{Desired, Key, Lifecycle, SpecError, Target};
use crate::api::v1alpha1::DriftItem;
use crate::api::{PostgresBackup, PostgresBackupStatus};
use crate::azure::{AzureError, DataProtection};

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
            (Lifecycle::LettingGo, target) => self.release(Release::Retained, target.ok().as_ref()).await,
            // Nothing was ever sent for a specification that never could be parsed.
            (Lifecycle::Deleting, Err(_)) if self.previous.backup_instance.is_none() => {
                self.release(Release::NothingToDelete, None).await
            }
            (Lifecycle::Live | Lifecycle::Deleting, Err(error)) => self.invalid(&error, None).await,
        }
    }

    async fn live(mut self, target: Target) -> Result<Flow, Error> {
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
        let observer = Observer { azure: self.azure, vaults: &self.context.vaults };
        match observer.live(&desired, &self.previous, &mut self.memory, self.now).await {
            Ok((wanted, observed)) => {
                let version = self.azure.version();
                let plan = plan::live(&desired, &wanted, &self.previous, &observed, version, self.now);
                self.carry_out(&target, &observed, plan).await
            }
            Err(error) => self.unreadable(&target, &error).await,
        }
    }

    async fn deleting(mut self, target: &Target) -> Result<Flow, Error> {
        let observer = Observer { azure: self.azure, vaults: &self.context.vaults };
        match observer.deleted(target, &self.previous, &mut self.memory, self.now).await {
            Ok(observed) => {
                let step = plan::deleting(target, &observed, self.azure.version(), self.now);
                self.carry_out(target, &observed, step.into()).await
            }
            Err(error) => self.unreadable(target, &error).await,
        }
    }

    /// Acts on the plan and reports what came of it.
    async fn carry_out(mut self, target: &Target, observed: &Observed, plan: Plan) -> Result<Flow, Error> {
        tracing::debug!(step = ?plan.step, "Planned");
        if let Step::Release(release) = plan.step {
            return self.release(release, Some(target)).await;
        }
        self.presume_lost(&plan.step);
        let outcome = act::perform(self.azure, target, &plan.step, &mut self.memory, self.now).await;
        let generation = self.key.generation;
        let poll_after = self.memory.poll_after.unwrap_or(self.context.settings.poll_interval);
        let conclusion = assess::conclude(target, &plan, &outcome, &self.previous, generation, poll_after);
        let record = Record::after(&plan.step, &outcome, &self.previous, self.memory.flight.as_ref(), self.now);
        let seen = seen(observed, &plan.step, &self.previous);
        self.report(Some(target), conclusion, record, seen, plan.drift).await
    }

    /// Until its answer is there a request counts as lost, so that a pass that is cut off leaves nothing to be sent twice.
    fn presume_lost(&self, step: &Step) {
        let mut memory = self.memory.clone();
        if let (Step::Send(..), Some(flight)) = (step, memory.flight.as_mut()) {
            flight.stage = Stage::Lost;
            self.context.memories.remember(&self.key.uid, memory);
        }
    }

    async fn invalid(self, error: &SpecError, target: Option<&Target>) -> Result<Flow, Error> {
        let record = Record::kept(&self.previous, self.memory.flight.as_ref());
        self.report(target, trouble::invalid_spec(error), record, Seen::Nothing, Vec::new()).await
    }

    async fn unreadable(mut self, target: &Target, error: &AzureError) -> Result<Flow, Error> {
        tracing::warn!(class = ?error.class(), error = error::chain(error), "Could not read from Azure");
        let standing = self.standing(Progress::Troubled);
        let conclusion =
            trouble::unreadable(error, &self.previous, self.key.generation, standing, self.memory.attempts);
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
        let (status, next, standing) = match &conclusion {
            Conclusion::Unchanged(next) => {
                (record.entered_unless_validating(&self.previous), next.clone(), Standing::WithinDeadline)
            }
            Conclusion::Changed(assessment) => {
                let standing = self.standing(assessment.progress);
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
                (record.entered(status, &self.previous), assessment.next.clone(), standing)
            }
        };
        let written = report::status(&self.api, &self.context.recorder, self.object, status).await?;
        self.memory.flight = record.flight;
        self.memory.note(&conclusion);
        let pace = Pace {
            attempts: self.memory.attempts.saturating_sub(1),
            standing,
            drift_interval: self.context.settings.drift_interval,
        };
        self.context.memories.remember(&self.key.uid, self.memory);
        match (next, written) {
            (Next::Now, Some(object)) => Ok(Flow::Onward(Box::new(object))),
            (next, _) => Ok(Flow::Until(next.delay(pace).map_or_else(Action::await_change, Action::requeue))),
        }
    }

    fn standing(&mut self, progress: Progress) -> Standing {
        let deadline = self.context.settings.deadline;
        self.memory.standing(progress, self.key.generation, &self.previous, deadline, self.now)
    }

    async fn release(self, release: Release, target: Option<&Target>) -> Result<Flow, Error> {
        tracing::info!(release = ?release, "Letting the deleted object go");
        report::event(&self.context.recorder, self.object, &events::released(release, target)).await;
        finalizer::remove(&self.api, self.object).await.map_err(Error::Finalizer)?;
        self.context.memories.forget(&self.key.uid);
        Ok(Flow::Until(Action::await_change()))
    }
}

/// What of the observation belongs into status. While a request of ours is under way, the states that Azure passes through
/// are not written one by one.
fn seen<'a>(observed: &'a Observed, step: &Step, previous: &PostgresBackupStatus) -> Seen<'a> {
    let Observed::Seen { instance, .. } = observed else {
        return Seen::Nothing;
    };
    let under_way = previous.operation.as_ref().is_some_and(|operation| record::changes_azure(operation.kind));
    match (step, instance) {
        (Step::Wait(_) | Step::Send(..), _) if under_way => Seen::Nothing,
        (_, Some(instance)) => Seen::Present(instance),
        (_, None) => Seen::Absent,
    }
}
