//! What this process remembers of an object between two passes. Losing it costs time, never correctness: a request whose
//! fate is not remembered counts as one whose answer was lost.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::flight::Flight;
use super::plan::correction::Corrections;
use super::schedule::{Next, Standing};
use crate::api::PostgresBackupStatus;
use crate::api::conditions::{self, ConditionType};

/// Since when an object is not where it should be.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    generation: i64,
    since: Instant,
}

/// Looks in a row that Azure did not answer.
#[derive(Clone, Copy, Debug)]
struct Blindness {
    looks: u32,
    since: Instant,
}

/// What is remembered of one object.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The request that is about to be sent or under way.
    pub flight: Option<Flight>,
    /// How long Azure last asked to wait between two looks at this object's operation.
    pub poll_after: Option<Duration>,
    /// How often drift was corrected.
    pub corrections: Corrections,
    /// The request for a reconcile that was last taken up.
    request: Option<String>,
    /// Whether that request is still to have its effect: a look that failed has not given it any.
    is_requested: bool,
    attempts: u32,
    conflicts: u32,
    unsettled: Option<Unsettled>,
    /// Whether what status tells of the past does not count any more.
    starts_over: bool,
    blindness: Option<Blindness>,
}

impl Memory {
    /// How many passes in a row have ended in trouble; sets the back-off.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether an object that is not where it should be is still within `deadline`. The time is counted monotonically from
    /// when it last was, or was changed; after a restart it goes on from the transition time in status, as far as that is
    /// plausible.
    pub fn standing(
        &mut self,
        generation: i64,
        previous: &PostgresBackupStatus,
        deadline: Duration,
        now: Timestamp,
    ) -> Standing {
        let since = match self.unsettled {
            Some(unsettled) if unsettled.generation == generation => unsettled.since,
            Some(_) => Instant::now(),
            None => {
                let blind = self.blindness.map(|blindness| blindness.since.elapsed()).unwrap_or_default();
                let told = if self.starts_over {
                    Duration::ZERO
                } else {
                    unsettled_before(previous, generation, deadline, now)
                };
                let age = told.max(blind);
                Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
            }
        };
        self.unsettled = Some(Unsettled { generation, since });
        self.starts_over = false;
        Standing::after(since.elapsed(), deadline)
    }

    /// Notes a look that Azure did not answer: how many there were in a row, and whether that is still within `deadline`.
    pub fn note_blind_look(&mut self, deadline: Duration) -> (u32, Standing) {
        let blindness = self.blindness.get_or_insert_with(|| Blindness { looks: 0, since: Instant::now() });
        blindness.looks = blindness.looks.saturating_add(1);
        (blindness.looks, Standing::after(blindness.since.elapsed(), deadline))
    }

    /// Notes that Azure answered a look.
    pub fn note_look(&mut self) {
        self.blindness = None;
    }

    /// Notes that what stood in the way is gone, or that the object is where it should be: the deadline starts over.
    pub fn note_progress(&mut self) {
        self.attempts = 0;
        self.unsettled = None;
    }

    /// Notes that the deadline starts over, whatever status tells of the past: a person has let the operator go on, or
    /// Azure accepts what it had refused.
    pub fn note_fresh_start(&mut self) {
        self.note_progress();
        self.starts_over = true;
        self.blindness = None;
    }

    /// Notes that a person asks for a fresh start; the same request counts once, however often it is seen.
    pub fn note_request(&mut self, request: &str) {
        if self.request.as_deref() != Some(request) {
            self.request = Some(request.to_owned());
            self.is_requested = true;
            self.note_fresh_start();
            self.corrections.reset();
        }
    }

    /// Whether a person has asked for a reconcile that has not had its effect yet.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.is_requested
    }

    /// Notes that the request for a reconcile has had its effect.
    pub fn note_answer(&mut self) {
        self.is_requested = false;
    }

    /// Notes when the object is looked at next: a back-off counts as an attempt.
    pub fn note_next(&mut self, next: &Next) {
        self.conflicts = 0;
        if let Next::BackOff(..) = next {
            self.attempts = self.attempts.saturating_add(1);
        }
    }
}

/// How long the object was unsettled before this process saw it, at most `deadline`.
fn unsettled_before(previous: &PostgresBackupStatus, generation: i64, deadline: Duration, now: Timestamp) -> Duration {
    let answers = |type_| {
        conditions::find(&previous.conditions, type_)
            .filter(|condition| condition.observed_generation == Some(generation))
    };
    if conditions::find(&previous.conditions, ConditionType::Paused).is_some() {
        return Duration::ZERO;
    }
    if answers(ConditionType::Stalled).is_some() {
        return deadline;
    }
    let since = answers(ConditionType::Reconciling).map(|condition| condition.last_transition_time.0);
    let age = since.map(|since| Duration::try_from(now.duration_since(since)).unwrap_or_default());
    age.unwrap_or_default().min(deadline)
}

/// The memories of all objects, by uid.
#[derive(Debug, Default)]
pub struct Memories(Mutex<HashMap<String, Memory>>);

impl Memories {
    /// What is remembered of an object.
    #[must_use]
    pub fn recall(&self, uid: &str) -> Memory {
        self.lock().get(uid).cloned().unwrap_or_default()
    }

    /// Replaces what is remembered of an object.
    pub fn remember(&self, uid: &str, memory: Memory) {
        self.lock().insert(uid.to_owned(), memory);
    }

    /// Notes that a pass over an object broke off; returns how many have done so in a row before.
    pub fn note_failure(&self, uid: &str) -> u32 {
        count(&mut self.lock().entry(uid.to_owned()).or_default().attempts)
    }

    /// Notes that an object had changed by the time that a pass wrote to it; returns how often in a row before.
    pub fn note_conflict(&self, uid: &str) -> u32 {
        count(&mut self.lock().entry(uid.to_owned()).or_default().conflicts)
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Forgets the objects that are not among these uids.
    pub fn retain(&self, uids: &HashSet<String>) {
        self.lock().retain(|uid, _| uids.contains(uid));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        // A map is whole after every operation on it, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one more; returns how many there were before.
fn count(counter: &mut u32) -> u32 {
    let before = *counter;
    *counter = before.saturating_add(1);
    before
}

#[cfg(test)]
mod tests;
