//! The driver: takes one object through the stages, step by step.

mod acting;
mod reporting;
mod restraint;

use std::time::Duration;

use kube::Api;
use kube::runtime::controller::Action;

use super::authorize::asked::Request;
use super::context::Context;
use super::error::Error;
use super::finalizer;
use super::flight::Flight;
use super::memory::Memory;
use super::observe::Observer;
use super::observe::observed::{Found, Look, Observed};
use super::plan::step::Release;
use super::plan::{self, Stake};
use super::report::refusal::Refusal;
use super::validate::{Desired, Disposal, Key, Lifecycle, Target};
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::OperationKind;
use crate::api::{Mode, PostgresBackup, PostgresBackupStatus, annotations};
use crate::azure::{AzureError, CallContext, DataProtection};

/// Steps that a pass may take one after the other: finalizer, intent, the request itself.
const MAX_STEPS: usize = 4;

/// Takes an object as far as it goes without waiting.
///
/// # Errors
/// Why the pass broke off.
pub async fn run(object: &PostgresBackup, context: &Context, call: &CallContext) -> Result<Action, Error> {
    let (mut current, mut found) = (object.clone(), None);
    for _ in 0..MAX_STEPS {
        expect_leading(context)?;
        match Pass::new(&current, context, call, found.take())?.step().await? {
            Flow::Onward(newer, seen) => (current, found) = (*newer, seen),
            Flow::Until(action) => return Ok(action),
        }
    }
    Ok(Action::requeue(Duration::from_secs(1)))
}

/// Only the leader changes anything, in Kubernetes no more than in Azure.
fn expect_leading(context: &Context) -> Result<(), Error> {
    if context.identities.may_write() { Ok(()) } else { Err(Error::NotLeading) }
}

/// Says in status that a pass over the object failed for a reason of the operator's own.
///
/// # Errors
/// Why it could not be said.
pub async fn tell_failure(
    object: &PostgresBackup,
    context: &Context,
    call: &CallContext,
    error: &Error,
) -> Result<(), Error> {
    Pass::new(object, context, call, None)?.failed(error).await
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
    call: &'a CallContext,
    api: Api<PostgresBackup>,
    object: &'a PostgresBackup,
    key: Key,
    previous: PostgresBackupStatus,
    memory: Memory,
    now: jiff::Timestamp,
    /// The backup instance as the step before has just seen it.
    found: Option<Found>,
    /// The grant by which Azure is asked.
    grant: Option<String>,
}

impl<'a> Pass<'a> {
    fn new(
        object: &'a PostgresBackup,
        context: &'a Context,
        call: &'a CallContext,
        found: Option<Found>,
    ) -> Result<Self, Error> {
        let key = Key::of(object).map_err(Error::Identify)?;
        let previous = object.status.clone().unwrap_or_default();
        let mut memory = context.memories.recall(&key.uid);
        let is_resumed = conditions::is_true(&previous.conditions, ConditionType::Paused);
        if let Some(request) =
            annotations::reconcile_requested_at(object).filter(|_| annotations::is_reconcile_requested(object))
        {
            memory.note_request(request);
        } else if is_resumed && !annotations::is_paused(object) {
            memory.note_fresh_start();
        }
        Ok(Self {
            context,
            call,
            api: Api::namespaced(context.client.clone(), &key.namespace),
            object,
            previous,
            memory,
            now: context.clock.now(),
            key,
            found,
            grant: None,
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

    async fn live(mut self, target: Target) -> Result<Flow, Error> {
        let desired = match Desired::parse(self.object, target.clone(), &self.context.settings.cloud) {
            Ok(desired) => desired,
            Err(error) => return self.invalid(&error, Some(&target)).await,
        };
        let request = Request::to_protect(self.object, &desired);
        let azure = match self.permitted(&request) {
            Ok(azure) => azure,
            Err(refusal) => return self.not_permitted(&refusal, &target).await,
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
        match self.observer(&azure).live(&desired, &known).await {
            Ok((wanted, look)) => {
                let plan = plan::live(&desired, &wanted, &known, &look.observed, azure.version());
                self.carry_out(&azure, &request, &target, look, plan).await
            }
            Err(look) => self.unreadable(&target, &look).await,
        }
    }

    /// What status says, as far as it counts: of an earlier specification it tells neither trouble nor a validation, and
    /// whoever asks for a reconcile asks for another validation as well.
    fn known(&self, mode: Mode) -> PostgresBackupStatus {
        let mut known = self.previous.clone();
        let is_answered = known.observed_generation == self.key.generation;
        if !is_answered {
            known.issues.clear();
        }
        if !is_answered || (mode == Mode::ValidateOnly && self.memory.is_requested()) {
            known.validated_request = None;
        }
        known
    }

    /// Decides about a request, and gives a client that may make it.
    fn permitted(&mut self, request: &Request) -> Result<DataProtection, Refusal> {
        let decision = self.context.authority.decide(&self.key.namespace, request);
        self.context.authority.note(&self.key.uid, decision.clone());
        let permit = decision.map_err(|denial| Refusal::of(&denial, request, &self.key.namespace))?;
        self.grant = Some(permit.source().to_owned());
        self.context.identities.client(permit, self.call.clone()).map_err(|error| Refusal::identity(&error))
    }

    async fn deleting(mut self, target: &Target, disposal: Disposal) -> Result<Flow, Error> {
        let request = Request::to_delete(self.object, target);
        let azure = match self.permitted(&request) {
            Ok(azure) => azure,
            Err(refusal) => return self.not_permitted(&refusal, target).await,
        };
        match self.look_at_deleted(&azure, target, disposal).await {
            Ok((look, covered)) => {
                let successor = self.context.neighbours.successor(self.object, target);
                let stake = match &successor {
                    Some(successor) if successor.has_taken_over => Stake::HandedOver,
                    Some(successor) => Stake::HandingOver(&successor.name),
                    None if covered => Stake::Covered,
                    None => Stake::Final,
                };
                let step = plan::deleting(target, disposal, &look.observed, stake, azure.version());
                self.carry_out(&azure, &request, target, look, step.into()).await
            }
            Err(error) => self.unreadable(target, &error.into()).await,
        }
    }

    /// What there is, and whether it may be deleted: that can be undone, or somebody has confirmed that it need not be.
    async fn look_at_deleted(
        &self,
        azure: &DataProtection,
        target: &Target,
        disposal: Disposal,
    ) -> Result<(Look, bool), AzureError> {
        let look = self.observer(azure).deleted(target, &self.previous).await?;
        let exists = matches!(look.observed, Observed::Seen { found: Found::Instance { .. }, .. });
        let confirmed = annotations::allows_irreversible_delete(self.object, target.instance.name().as_str());
        let covered = confirmed
            || disposal != Disposal::Delete
            || !exists
            || self.observer(azure).is_delete_reversible(target).await?;
        Ok((look, covered))
    }

    fn observer<'o>(&'o self, azure: &'o DataProtection) -> Observer<'o> {
        Observer {
            object: self.object,
            azure,
            vaults: &self.context.vaults,
            neighbours: &self.context.neighbours,
            remembered: self.memory.flight.as_ref(),
            found: self.found.as_ref(),
        }
    }
}
