//! Since when permissions count: Azure takes its time until a role assignment is known everywhere.

use std::collections::BTreeMap;

use crate::clock::Moment;

/// What was granted, and from when on each grant counts.
#[derive(Debug)]
pub(crate) struct Permissions<T> {
    since: BTreeMap<T, Moment>,
}

impl<T: Clone + Ord> Permissions<T> {
    /// Grants that count from the beginning.
    pub(crate) fn of(granted: &[T]) -> Self {
        Self { since: granted.iter().map(|grant| (grant.clone(), Moment::ZERO)).collect() }
    }

    /// Takes over what is granted now. What was not granted before counts from `from` on.
    pub(crate) fn take_over(&mut self, granted: &[T], from: Moment) {
        let known = std::mem::take(&mut self.since);
        let entry = |grant: &T| (grant.clone(), known.get(grant).copied().unwrap_or(from));
        self.since = granted.iter().map(entry).collect();
    }

    /// What counts at this moment.
    pub(crate) fn at(&self, at: Moment) -> impl Iterator<Item = &T> {
        self.since.iter().filter(move |(_, since)| **since <= at).map(|(grant, _)| grant)
    }
}
