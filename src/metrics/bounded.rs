//! Label values that users choose, of which there must not be arbitrarily many.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// What stands for every value beyond the bound.
const OTHER: &str = "other";

/// The first so many values of a label are kept; the rest share one.
#[derive(Debug)]
pub(super) struct Bounded {
    most: usize,
    known: Mutex<HashSet<String>>,
}

impl Bounded {
    /// Keeps `most` values.
    pub(super) fn to(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// The value for a label, in lower case as Azure compares ids.
    pub(super) fn label(&self, value: &str) -> String {
        let value = value.to_ascii_lowercase();
        // The set is whole after every operation on it, so a panic elsewhere does not spoil it.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&value) {
            return value;
        }
        if known.len() >= self.most {
            return OTHER.to_owned();
        }
        known.insert(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_the_bound_share_one() {
        let bounded = Bounded::to(2);
        let labels: Vec<_> = ["a", "B", "c", "b", "A", "d"].iter().map(|value| bounded.label(value)).collect();
        assert_eq!(labels, ["a", "b", "other", "b", "a", "other"]);
    }
}
