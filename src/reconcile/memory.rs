//! What this process remembers of an object between two passes. Losing it is harmless: it only saves waiting and writes.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::assessment::{Assessment, Conclusion, Progress};
use super::schedule::{Next, Standing};
use crate::api::PostgresBackupStatus;
use crate::api::conditions::{self, ConditionType};
use crate::api::v1alpha1::OperationKind;
use crate::azure::{RequestHash, RunningOperation};

/// A request to Azure and how far this process knows it to have come.
#[derive(Clone, Debug)]
pub struct Flight {
    /// What was asked.
    pub kind: OperationKind,
    /// With which content.
    pub request: RequestHash,
    /// When it was about to be sent.
    pub started_at: Timestamp,
    /// How far it has come.
    pub stage: Stage,
}

/// How far a request has come.
#[derive(Clone, Debug)]
pub enum Stage {
    /// It certainly had no effect: it was not sent, or it was turned away unread.
    Unsent,
    /// Azure answered with an internal error; the request may have had its effect all the same.
    Answered,
    /// It was sent, and its answer was lost or is still awaited.
    Lost,
    /// Azure accepted it and works on it.
    Running(RunningOperation),
    /// Azure accepted it and has nothing left to do.
    Finished,
}

/// Since when an object is not where it should be.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    generation: i64,
    progress: Progress,
    since: Instant,
}

/// What is remembered of one object.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The request that is about to be sent or under way.
    pub flight: Option<Flight>,
    /// Passes in a row that ended in trouble; sets the back-off.
    pub attempts: u32,
    /// How long Azure last asked to wait between two looks at this object's operation.
    pub poll_after: Option<Duration>,
    unsettled: Option<Unsettled>,
}

impl Memory {
    /// Whether the object, being at `progress`, is still within `deadline`. The time is counted monotonically, and starts
    /// over when the specification changes or when trouble gives way to work. After a restart it goes on from the
    /// transition time in status, as far as that is plausible.
    pub fn standing(
        &mut self,
        progress: Progress,
        generation: i64,
        previous: &PostgresBackupStatus,
        deadline: Duration,
        now: Timestamp,
    ) -> Standing {
        let since = match self.unsettled {
            Some(unsettled) if unsettled.generation == generation && unsettled.progress == progress => unsettled.since,
            Some(_) => Instant::now(),
            None => {
                let age = unsettled_before(previous, generation, progress, deadline, now);
                Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
            }
        };
        self.unsettled = Some(Unsettled { generation, progress, since });
        if since.elapsed() < deadline { Standing::WithinDeadline } else { Standing::PastDeadline }
    }

    /// Takes note of what a pass concluded.
    pub fn note(&mut self, conclusion: &Conclusion) {
        let next = match conclusion {
            Conclusion::Unchanged(next) | Conclusion::Changed(Assessment { next, .. }) => next,
        };
        match (conclusion, next) {
            (_, Next::BackOff(..)) => self.attempts = self.attempts.saturating_add(1),
            (Conclusion::Changed(_), _) => self.attempts = 0,
            (Conclusion::Unchanged(_), _) => {}
        }
        if let Conclusion::Changed(Assessment { progress: Progress::Done, .. }) = conclusion {
            self.unsettled = None;
            self.flight = None;
        }
    }
}

/// How long the object was unsettled before this process saw it, at most `deadline`.
fn unsettled_before(
    previous: &PostgresBackupStatus,
    generation: i64,
    progress: Progress,
    deadline: Duration,
    now: Timestamp,
) -> Duration {
    let answers = |type_| {
        conditions::find(&previous.conditions, type_)
            .filter(|condition| condition.observed_generation == Some(generation))
    };
    if progress == Progress::Troubled && answers(ConditionType::Stalled).is_some() {
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
        let mut memories = self.lock();
        let memory = memories.entry(uid.to_owned()).or_default();
        let before = memory.attempts;
        memory.attempts = before.saturating_add(1);
        before
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        // A map is whole after every operation on it, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
