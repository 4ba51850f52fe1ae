//! Holds mass deletion: a pruned directory or a deleted CustomResourceDefinition must not cost a fleet its backups.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many backup instances may be deleted in which time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrakeLimit {
    /// At most so many.
    pub deletions: usize,
    /// Within this time.
    pub window: Duration,
}

/// Counts the deletions of all objects and holds those beyond the limit until enough time has passed.
#[derive(Debug)]
pub struct Brake {
    limit: BrakeLimit,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each object, by uid, was let through.
    admitted: HashMap<String, Instant>,
    /// Since when each object, by uid, is held.
    held: HashMap<String, Instant>,
    /// Whether the deletions that an earlier process had begun are counted.
    has_counted_begun: bool,
}

impl Brake {
    /// A brake that has not seen a deletion yet.
    #[must_use]
    pub fn new(limit: BrakeLimit) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// Asks whether an object may have its backup instance deleted now. Who was let through stays so.
    #[must_use]
    pub fn admits(&self, uid: &str) -> bool {
        let mut state = self.lock();
        state.admitted.retain(|_, since| since.elapsed() < self.limit.window);
        if state.admitted.contains_key(uid) || state.admitted.len() < self.limit.deletions {
            state.held.remove(uid);
            state.admitted.insert(uid.to_owned(), Instant::now());
            true
        } else {
            state.held.entry(uid.to_owned()).or_insert_with(Instant::now);
            false
        }
    }

    /// Counts the deletions, by uid, that an earlier process had begun, as if they had begun now. Only the first call does.
    pub fn count_begun(&self, begun: impl FnOnce() -> Vec<String>) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.has_counted_begun, true) {
            state.admitted.extend(begun().into_iter().map(|uid| (uid, Instant::now())));
        }
    }

    /// Notes a deletion that goes ahead whatever the limit says, because a person asked for this one.
    pub fn note(&self, uid: &str) {
        let mut state = self.lock();
        state.held.remove(uid);
        state.admitted.entry(uid.to_owned()).or_insert_with(Instant::now);
    }

    /// The object is not held any more: it is gone, or is to keep its backup instance.
    pub fn release(&self, uid: &str) {
        self.lock().held.remove(uid);
    }

    /// Objects that are not among these uids are held no more: they are gone.
    pub fn retain(&self, uids: &HashSet<String>) {
        self.lock().held.retain(|uid, _| uids.contains(uid));
    }

    /// How many objects are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.lock().held.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The maps are whole after every operation on them, so a panic elsewhere does not spoil them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);

    fn brake(deletions: usize) -> Brake {
        Brake::new(BrakeLimit { deletions, window: WINDOW })
    }

    #[tokio::test(start_paused = true)]
    async fn what_exceeds_the_limit_waits_until_time_has_passed() {
        let brake = brake(2);
        assert!(brake.admits("a") && brake.admits("b") && !brake.admits("c") && !brake.admits("d"));
        assert!(brake.admits("a"), "who was let through stays so");
        assert_eq!(brake.held(), 2);
        tokio::time::advance(WINDOW).await;
        assert!(brake.admits("c") && brake.admits("d") && !brake.admits("e"));
        assert_eq!(brake.held(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_process_had_begun_counts_once() {
        let brake = brake(2);
        brake.count_begun(|| vec!["a".to_owned(), "b".to_owned()]);
        assert!(brake.admits("a") && !brake.admits("c"));
        tokio::time::advance(WINDOW).await;
        brake.count_begun(|| vec!["a".to_owned(), "b".to_owned()]);
        assert!(brake.admits("c"));
    }

    #[tokio::test(start_paused = true)]
    async fn objects_that_went_unnoticed_are_held_no_more() {
        let brake = brake(1);
        assert!(brake.admits("a") && !brake.admits("b") && !brake.admits("c"));
        brake.retain(&HashSet::from(["c".to_owned()]));
        assert_eq!(brake.held(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_a_person_lets_through_counts() {
        let brake = brake(1);
        assert!(brake.admits("a") && !brake.admits("b"));
        brake.note("b");
        assert_eq!(brake.held(), 0);
        assert!(brake.admits("b") && !brake.admits("c"));
        brake.release("c");
        assert_eq!(brake.held(), 0);
    }
}
