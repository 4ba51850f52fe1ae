//! What is going to happen, and how it comes about as time passes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::Incident;
use crate::id::ResourceId;
use crate::instance::{ProtectionState, ProvisioningState, Tombstone};
use crate::operations::{Operation, Outcome, Work};
use crate::validate;

/// Future events in the order in which they are due.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    events: BTreeMap<(Moment, u64), Event>,
    count: u64,
}

#[derive(Clone, Debug)]
enum Event {
    /// An operation ends.
    End { operation: String },
    /// It turns out whether protection could be configured.
    Decide { instance: ResourceId, incarnation: u64, activity_id: String },
    /// A soft-deleted instance goes for good.
    Purge { instance: ResourceId, incarnation: u64 },
}

impl Agenda {
    fn add(&mut self, due: Moment, event: Event) {
        self.count += 1;
        self.events.insert((due, self.count), event);
    }

    fn take_due(&mut self, until: Moment) -> Option<(Moment, Event)> {
        let first = self.events.first_entry().filter(|entry| entry.key().0 <= until)?;
        let ((due, _), event) = first.remove_entry();
        Some((due, event))
    }
}

impl Engine {
    /// Lets everything happen that is due by now, in its order.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let until = self.clock.moment(now);
        while let Some((due, event)) = self.agenda.take_due(until) {
            match event {
                Event::End { operation } => self.end(due, &operation),
                Event::Decide { instance, incarnation, activity_id } => {
                    self.decide(&instance, incarnation, &activity_id)
                }
                Event::Purge { instance, incarnation } => {
                    let is_same = |tombstone: &Tombstone| tombstone.instance.incarnation == incarnation;
                    if self.tombstones.get(&instance).is_some_and(is_same) {
                        self.tombstones.remove(&instance);
                    }
                }
            }
        }
    }

    pub(crate) fn schedule_end(&mut self, operation: &str, due: Moment) {
        let operation = operation.to_owned();
        self.agenda.add(due, Event::End { operation });
    }

    /// Plans the end of `ConfiguringProtection`.
    pub(crate) fn schedule_decision(
        &mut self,
        instance: &ResourceId,
        incarnation: u64,
        activity_id: &str,
        due: Moment,
    ) {
        self.agenda
            .add(due, Event::Decide { instance: instance.clone(), incarnation, activity_id: activity_id.to_owned() });
    }

    fn end(&mut self, due: Moment, id: &str) {
        let Some(operation) = self.operations.get(id).cloned() else {
            return;
        };
        let failure = self.finish(due, &operation);
        let ended = self.clock.real(due);
        if let Some(operation) = self.operations.get_mut(id) {
            operation.outcome = Some(Outcome { ended, failure });
        }
    }

    /// Does what the operation was for. Returns why it failed, if it did.
    fn finish(&mut self, due: Moment, operation: &Operation) -> Option<Incident> {
        match operation.work.clone() {
            Work::Validate(spec) => {
                let vault = self.world.vault(&operation.vault)?;
                let error = validate::request(&self.world, vault, &spec, operation.version)
                    .and_then(|()| validate::prerequisites(&self.world, vault, &spec))
                    .err()?;
                return Some(Incident { error, activity_id: operation.correlation_id.clone() });
            }
            Work::Create { instance, incarnation } => {
                if let Some(instance) = self.current(&instance, incarnation) {
                    instance.provisioning = ProvisioningState::Succeeded;
                }
            }
            Work::Update { instance: id, incarnation, spec, tags, was_protected } => {
                let instance = self.current(&id, incarnation)?;
                instance.spec = *spec;
                instance.tags = tags;
                instance.state = ProtectionState::ConfiguringProtection;
                if was_protected {
                    self.decide(&id, incarnation, &operation.correlation_id);
                } else {
                    let configure = self.random.within(&self.timing.configure);
                    self.schedule_decision(&id, incarnation, &operation.correlation_id, due + configure);
                }
            }
            Work::Delete { instance, incarnation, soft } => self.remove(operation, &instance, incarnation, soft),
        }
        None
    }

    /// `ProtectionConfigured`, or `ProtectionError` when a prerequisite is missing at this time.
    fn decide(&mut self, id: &ResourceId, incarnation: u64, activity_id: &str) {
        let Some(instance) = self.current(id, incarnation) else {
            return;
        };
        if instance.state != ProtectionState::ConfiguringProtection {
            return;
        }
        let (vault, spec) = (instance.vault.clone(), instance.spec.clone());
        let error = self
            .world
            .vault(&vault)
            .and_then(|vault| validate::prerequisites(&self.world, vault, &spec).err())
            .map(|error| Incident { error, activity_id: activity_id.to_owned() });
        if let Some(instance) = self.current(id, incarnation) {
            instance.state = match error {
                None => ProtectionState::ProtectionConfigured,
                Some(_) => ProtectionState::ProtectionError,
            };
            instance.error = error;
        }
    }

    fn remove(&mut self, operation: &Operation, id: &ResourceId, incarnation: u64, soft: bool) {
        if self.current(id, incarnation).is_none() {
            return;
        }
        let Some(mut instance) = self.instances.remove(id) else {
            return;
        };
        if !soft {
            return;
        }
        instance.state = ProtectionState::SoftDeleted;
        instance.error = None;
        let days =
            self.world.vault(&instance.vault).map_or(14, |vault| vault.soft_delete.retention_duration_in_days.max(14));
        let purge = operation.accepted_at + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        self.agenda.add(purge, Event::Purge { instance: id.clone(), incarnation });
        let tombstone = Tombstone {
            instance,
            deleted_at: operation.started,
            purge_at: self.clock.real(purge),
            activity_id: operation.correlation_id.clone(),
        };
        self.tombstones.insert(id.clone(), tombstone);
    }

    fn current(&mut self, id: &ResourceId, incarnation: u64) -> Option<&mut crate::instance::Instance> {
        self.instances.get_mut(id).filter(|instance| instance.incarnation == incarnation)
    }
}
