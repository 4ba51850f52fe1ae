//! Rules for requests among each other: one change of a backup instance at a time, and no storm.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Call, Wire};

/// Requests of one kind about one thing in a minute, beyond which there is a storm. An operation may be polled, and trouble
/// looked at again, every second.
const MOST_IN_A_MINUTE: usize = 70;

/// Requests that are not about one object or backup instance, but about something that many share.
const SHARED: [Call; 6] = [
    Call::Validate,
    Call::ListInstances,
    Call::GetVault,
    Call::ListPermissions,
    Call::WatchPermissions,
    Call::PublishEvent,
];

/// What is under way, and how much there was of each kind in the present minute.
#[derive(Default)]
pub struct Traffic {
    changes: HashSet<(&'static str, String)>,
    minutes: HashMap<(Call, String), (u64, usize)>,
}

impl Traffic {
    /// Counts a request; says what is wrong about it.
    pub fn set_out(&mut self, replica: &'static str, call: Call, about: &str, now: Duration) -> Vec<String> {
        let mut breaches = Vec::new();
        if call.writes_instance() && !self.changes.insert((replica, about.to_owned())) {
            breaches.push(format!("{call:?} of {about} was sent beside another change of it"));
        }
        if SHARED.contains(&call) {
            return breaches;
        }
        let minute = now.as_secs() / 60;
        let count = self.minutes.entry((call, about.to_owned())).or_insert((minute, 0));
        *count = if count.0 == minute { (minute, count.1 + 1) } else { (minute, 1) };
        if count.1 == MOST_IN_A_MINUTE {
            breaches.push(format!("{call:?} of {about:?} was sent {MOST_IN_A_MINUTE} times within a minute"));
        }
        breaches
    }

    fn come_back(&mut self, replica: &'static str, about: &str) {
        self.changes.remove(&(replica, about.to_owned()));
    }
}

/// A request that is under way.
pub struct UnderWay {
    wire: Wire,
    call: Call,
    about: String,
}

impl UnderWay {
    pub fn new(wire: Wire, call: Call, about: &str) -> Self {
        Self { wire, call, about: about.to_owned() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.call.writes_instance() {
            self.wire.state().traffic.come_back(self.wire.replica, &self.about);
        }
    }
}
