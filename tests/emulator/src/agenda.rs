//! What is going to happen, and how it comes about as time passes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::http::Request;
use crate::id::ResourceId;
use crate::instance::Tombstone;
use crate::route::{ArmRoute, Kind};
use crate::state::ProtectionState;

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
    /// The service finds out that a prerequisite of a protected instance is gone.
    Notice { instance: ResourceId, incarnation: u64 },
    /// A request that was lost on its way takes effect.
    Land(Box<Landing>),
}

/// A request that takes effect later than it came.
#[derive(Clone, Debug)]
pub(crate) struct Landing {
    pub(crate) request: Request,
    pub(crate) route: ArmRoute,
    pub(crate) kind: Kind,
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
        self.look_at_the_world();
        let until = self.clock.moment(now);
        while let Some((due, event)) = self.agenda.take_due(until) {
            match event {
                Event::End { operation } => self.end(due, &operation),
                Event::Decide { instance, incarnation, activity_id } => {
                    self.decide(due, &instance, incarnation, &activity_id);
                }
                Event::Purge { instance, incarnation } => {
                    let is_same = |tombstone: &Tombstone| tombstone.instance.incarnation == incarnation;
                    if self.tombstones.get(&instance).is_some_and(is_same) {
                        self.tombstones.remove(&instance);
                    }
                }
                Event::Notice { instance, incarnation } => self.notice(due, &instance, incarnation),
                Event::Land(landing) => {
                    let at = self.clock.real(due);
                    // Nobody waits for the answer any more.
                    let _lost = self.arm(at, &landing.request, &landing.route, landing.kind, None);
                }
            }
        }
        self.settled = self.settled.max(until);
    }

    /// After a change of the world: new permissions count from their time on, and what protected instances lost will
    /// be noticed.
    fn look_at_the_world(&mut self) {
        if !std::mem::take(&mut self.world_changed) {
            return;
        }
        let from = self.settled + Duration::from_secs(self.world.settings.permission_delay_seconds);
        self.permissions.take_over(&self.world.grants, from);
        self.role_assignments.take_over(&self.world.role_assignments, from);
        let broken: Vec<(ResourceId, u64)> = self
            .instances
            .values()
            .filter(|instance| instance.state == ProtectionState::ProtectionConfigured)
            .filter(|instance| self.lacking(&instance.vault, &instance.spec, self.settled).is_some())
            .map(|instance| (instance.id.clone(), instance.incarnation))
            .collect();
        for (instance, incarnation) in broken {
            let due = self.settled + self.random.within(&self.timing.notice);
            self.agenda.add(due, Event::Notice { instance, incarnation });
        }
    }

    pub(crate) fn schedule_purge(&mut self, instance: &ResourceId, incarnation: u64, due: Moment) {
        self.agenda.add(due, Event::Purge { instance: instance.clone(), incarnation });
    }

    pub(crate) fn schedule_landing(&mut self, landing: Landing, due: Moment) {
        self.agenda.add(due, Event::Land(Box::new(landing)));
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
}
