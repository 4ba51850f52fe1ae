//! A pass over one object, with the model of Azure in place of the real one and the object itself in place of the API
//! server: everything that is pure is the operator's own. What has to hold in every step is asserted here.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::*;
use super::azure::{Azure, Luck};
use super::backup::OURS;
use super::invariants::check;
use crate::api::{PostgresBackup, conditions};
use crate::azure::OperationState;
use crate::reconcile::act::record::Record;
use crate::reconcile::act::{Outcome, settle};
use crate::reconcile::finalizer;
use crate::reconcile::flight::{Flight, Stage};
use crate::reconcile::memory::Memory;
use crate::reconcile::observe::follow::is_of_interest;
use crate::reconcile::report::assess::conclude;
use crate::reconcile::report::assessment::{Conclusion, Progress, Subject};
use crate::reconcile::report::status::{self, Facts, Seen};
use crate::reconcile::schedule::{Next, Pace, Standing};
use crate::reconcile::testing::{desired, now, object};
use crate::reconcile::validate::Lifecycle;

/// How long an object may take before it counts as stalled.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

/// How often a healthy object is looked at.
const DRIFT: Duration = Duration::from_secs(10 * 60);

/// Steps that a pass may take one after the other.
const MAX_STEPS: usize = 4;

pub(in super::super) struct Operator {
    pub(in super::super) object: PostgresBackup,
    /// How the object was let go, once it is.
    pub(in super::super) released: Option<Release>,
    memory: Memory,
    epoch: tokio::time::Instant,
}

/// How a pass ended.
#[derive(Debug)]
pub(in super::super) struct Pass {
    /// The last step, in one word.
    pub(in super::super) word: &'static str,
    /// When the next look comes.
    pub(in super::super) delay: Duration,
}

enum Flow {
    Onward(Option<Found>),
    Until(Pass),
}

impl Operator {
    pub(in super::super) fn new() -> Self {
        let epoch = tokio::time::Instant::now();
        Self { object: object(json!({})), released: None, memory: Memory::default(), epoch }
    }

    /// Lays `spec` over the specification.
    pub(in super::super) fn edit(&mut self, spec: &Value) {
        let mut edited = serde_json::to_value(&self.object).unwrap();
        for (field, value) in spec.as_object().unwrap() {
            edited["spec"][field] = value.clone();
        }
        let edited: PostgresBackup = serde_json::from_value(edited).unwrap();
        if edited.spec != self.object.spec {
            self.object = edited;
            *self.object.metadata.generation.as_mut().unwrap() += 1;
        }
    }

    pub(in super::super) fn delete(&mut self) {
        if self.object.metadata.deletion_timestamp.is_none() {
            self.object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-23T12:00:00Z")).unwrap();
            *self.object.metadata.generation.as_mut().unwrap() += 1;
        }
    }

    /// The operator's process ends, and another one starts.
    pub(in super::super) fn restart(&mut self) {
        self.memory = Memory::default();
    }

    fn now(&self) -> Timestamp {
        conditions::whole_seconds(now() + self.epoch.elapsed())
    }

    /// Takes the object as far as it goes without waiting. A request that is sent fares as `luck` says.
    pub(in super::super) fn pass(&mut self, azure: &mut Azure, luck: Luck) -> Pass {
        let (before, mut found) = (azure.writes, None);
        for _ in 0..MAX_STEPS {
            let flow = self.step(azure, luck, found.take());
            assert!(azure.writes <= before + 1, "a pass sends at most one request that changes Azure");
            match flow {
                Flow::Onward(seen) => found = seen,
                Flow::Until(pass) => return pass,
            }
        }
        Pass { word: "too many steps", delay: Duration::from_secs(1) }
    }

    fn step(&mut self, azure: &mut Azure, luck: Luck, found: Option<Found>) -> Flow {
        let lifecycle = Lifecycle::of(&self.object);
        if lifecycle != Lifecycle::Live && !finalizer::is_on(&self.object) {
            return self.release(Release::Retained);
        }
        match (lifecycle, finalizer::due(&self.object)) {
            (Lifecycle::LettingGo, _) => return self.release(Release::Retained),
            (Lifecycle::Live, finalizer::Due::Add) => {
                finalizers_of(&mut self.object).push(crate::api::FINALIZER.to_owned());
                return Flow::Onward(None);
            }
            (Lifecycle::Live, finalizer::Due::Remove) => {
                finalizers_of(&mut self.object).clear();
                return Flow::Onward(None);
            }
            _ => {}
        }
        let desired = desired(&self.object);
        let wanted = wanted(&desired);
        let previous = self.object.status.clone().unwrap_or_default();
        let (observed, flight) = self.look(azure, &desired, &wanted, &previous, found);
        let plan = match lifecycle {
            Lifecycle::Deleting(disposal) => {
                deleting(&desired.target, disposal, &observed, Stake::Covered, VERSION).into()
            }
            _ => live(&desired, &wanted, &previous, &observed, VERSION),
        };
        self.memory.flight = flight;
        check(&desired, &previous, &observed, &plan.step, azure);
        if let Step::Release(release) = plan.step {
            return self.release(release);
        }
        self.carry_out(azure, luck, &desired, &previous, &observed, &plan)
    }

    /// What `Observer` reads.
    fn look(
        &self,
        azure: &Azure,
        desired: &Desired,
        wanted: &Wanted,
        status: &PostgresBackupStatus,
        found: Option<Found>,
    ) -> (Observed, Option<Flight>) {
        let live = Lifecycle::of(&self.object) == Lifecycle::Live;
        let subscription = desired.target.vault().subscription();
        let recorded = || status.operation.as_ref().map(|operation| Flight::recorded(operation, subscription));
        let flight = self.memory.flight.clone().or_else(recorded);
        let mut flight = flight.filter(|flight| is_of_interest(flight, live.then_some(&wanted.hash)));
        if let Some(operation) = flight.as_ref().and_then(Flight::operation).cloned() {
            let stage = match azure.poll(&operation) {
                OperationState::Succeeded => Stage::Succeeded,
                OperationState::Failed(error) => Stage::Failed(error),
                _ => Stage::Running(operation.clone()),
            };
            flight = flight.map(|flight| flight.shown(stage));
            if let Some(running) = flight.as_ref().filter(|flight| flight.operation().is_some()) {
                let observed = Observed::Running { kind: running.kind, poll_after: operation.poll_after() };
                return (observed, flight);
            }
        }
        let known = flight.is_some() || (live && status.validated_request.as_deref() == Some(wanted.hash.as_str()));
        let found = found.unwrap_or_else(|| match (azure.read(desired), azure.read_deleted(desired)) {
            (Some(instance), _) => {
                let claim = claim(&instance, live);
                Found::Instance { instance: Box::new(instance), claim }
            }
            (None, Some(deleted)) if live && !known => {
                let claim = claim(&deleted.instance, live);
                Found::SoftDeleted { deleted: Box::new(deleted), claim, replacement: None }
            }
            (None, _) => Found::Nothing,
        });
        (Observed::Seen { found, sent: flight.as_ref().map(Sent::of) }, flight)
    }

    fn carry_out(
        &mut self,
        azure: &mut Azure,
        luck: Luck,
        desired: &Desired,
        previous: &PostgresBackupStatus,
        observed: &Observed,
        plan: &Plan,
    ) -> Flow {
        let now = self.now();
        let (outcome, flight) = match &plan.step {
            Step::Send(request, hash) => {
                let answer = azure.send(request, luck);
                settle(request.kind(), hash, self.memory.flight.take(), answer, now)
            }
            _ => (Outcome::Quiet, self.memory.flight.take()),
        };
        self.memory.flight = flight;
        let lifecycle = Lifecycle::of(&self.object);
        let generation = self.object.metadata.generation.unwrap();
        let poll_after = Duration::from_secs(15);
        let target = &desired.target;
        let subject = Subject {
            target,
            lifecycle,
            previous,
            generation,
            poll_after,
            state: observed.instance().map(|instance| &instance.protection_state),
            protection_error: observed.instance().and_then(|instance| instance.protection_error.as_ref()),
            protector: None,
            secret: None,
        };
        let conclusion = conclude(subject, plan, &outcome);
        let record = Record::after(&plan.step, &outcome, previous, self.memory.flight.as_ref(), now);
        let (next_status, next) = match &conclusion {
            Conclusion::Unchanged(next) => (record.entered_unless_validating(previous), next.clone()),
            Conclusion::Changed(assessment) => {
                let standing = if assessment.progress == Progress::Done {
                    self.memory.note_progress();
                    Standing::WithinDeadline
                } else {
                    self.memory.standing(generation, previous, DEADLINE, now)
                };
                let facts = Facts {
                    generation,
                    target: Some(target),
                    seen: seen_of(observed),
                    drift: plan.drift.clone(),
                    compatibility: Vec::new(),
                    standing,
                    lifecycle,
                    now,
                };
                let status = status::fold(previous, assessment, &facts);
                (record.entered(status, previous), assessment.next.clone())
            }
        };
        conditions::check_contract(&next_status, generation).unwrap();
        self.memory.flight = record.flight;
        self.memory.note_next(&next);
        let changed = next_status != *previous;
        self.object.status = Some(next_status);
        if next == Next::Now && changed {
            let found = observed.found().filter(|_| matches!(plan.step, Step::Intend(..)));
            return Flow::Onward(found.cloned());
        }
        let pace = Pace { attempts: self.memory.attempts(), standing: Standing::WithinDeadline, drift_interval: DRIFT };
        Flow::Until(Pass { word: word(&plan.step), delay: next.delay(pace).unwrap_or(DRIFT) })
    }

    fn release(&mut self, release: Release) -> Flow {
        finalizers_of(&mut self.object).clear();
        self.released.get_or_insert(release);
        Flow::Until(Pass { word: word(&Step::Release(release)), delay: DRIFT })
    }
}

fn finalizers_of(object: &mut PostgresBackup) -> &mut Vec<String> {
    object.metadata.finalizers.get_or_insert_default()
}

fn claim(instance: &Instance, live: bool) -> Claim {
    match instance.tag("pgbackup-owner") {
        Some(OURS) => Claim::Ours,
        Some(other) if live => Claim::Others(other.to_owned()),
        _ => Claim::Free,
    }
}

fn seen_of(observed: &Observed) -> Seen<'_> {
    match observed.found() {
        Some(Found::Instance { instance, .. }) => Seen::Present(instance),
        Some(_) => Seen::Absent,
        None => Seen::Nothing,
    }
}
