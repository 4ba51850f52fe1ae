//! The pauses Azure asked for, by subscription.
//!
//! Resource Manager limits requests by subscription and principal, and a request sent before the time it named is refused
//! again and may lengthen the wait. So one 429 stops every request to its subscription, not only the one that met it.

use crate::azure::id::SubscriptionId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Until when no requests are sent to a subscription.
#[derive(Debug, Default)]
pub struct SubscriptionPause {
    until: Mutex<HashMap<SubscriptionId, Instant>>,
}

impl SubscriptionPause {
    /// How long the pause of a subscription still lasts.
    pub fn remaining(&self, subscription: &SubscriptionId) -> Option<Duration> {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, end| *end > now);
        until.get(subscription).map(|end| *end - now)
    }

    /// Lets a subscription pause from now on; never shortens a pause.
    pub(super) fn extend(&self, subscription: &SubscriptionId, wait: Duration) {
        let end = Instant::now() + wait;
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let known = until.entry(subscription.clone()).or_insert(end);
        *known = end.max(*known);
    }
}

/// The wait after a 429 that does not name one.
pub(super) const DEFAULT: Duration = Duration::from_secs(30);

/// A wait within reason: one second to one hour.
pub(super) fn clamp(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), Duration::from_secs(3_600))
}
