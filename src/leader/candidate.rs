//! What a candidate makes of the Lease. Pure: it is shown the Lease and told the time.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

use super::timing::Timing;

#[cfg(test)]
mod tests;

/// What is to be done about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is none: create it, with this candidate as its holder.
    Create,
    /// Nobody holds it any more: become its holder.
    Claim,
    /// This candidate holds it: renew it.
    Renew,
    /// Another holds it: look again later.
    Wait,
}

/// One that may hold the Lease.
#[derive(Clone, Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    /// When its own last term ends or has ended.
    term_end: Option<Instant>,
}

/// What the Lease last said, and since when it has not said anything else, by this candidate's own clock.
#[derive(Clone, Debug)]
struct Seen {
    spec: LeaseSpec,
    since: Instant,
    /// Whether the Lease was gone at the last look, and `since` is when it was missed.
    is_deleted: bool,
}

impl Candidate {
    /// A candidate that has not seen the Lease yet. `identity` must be one that no other candidate has or had.
    #[must_use]
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, term_end: None }
    }

    /// Who the candidate is.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Decides about the Lease as it was found by `now`; `None` when there is none.
    pub fn observe(&mut self, found: Option<&Lease>, now: Instant) -> Decision {
        match found {
            Some(lease) => self.found(lease, now),
            None => self.missed(now),
        }
    }

    fn found(&mut self, lease: &Lease, now: Instant) -> Decision {
        let spec = lease.spec.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|seen| seen.is_deleted || seen.spec != spec) {
            self.seen = Some(Seen { spec, since: now, is_deleted: false });
        }
        match self.holder() {
            Some(holder) if holder == self.identity => Decision::Renew,
            Some(_) if self.may_be_held(now) => Decision::Wait,
            _ => Decision::Claim,
        }
    }

    /// A Lease that was deleted did not end the term of its holder, who may have renewed it just before.
    fn missed(&mut self, now: Instant) -> Decision {
        if self.term_end.is_some_and(|end| now < end) {
            return Decision::Create;
        }
        if let Some(seen) = self.seen.as_mut().filter(|seen| !seen.is_deleted) {
            (seen.is_deleted, seen.since) = (true, now);
        }
        if self.may_be_held(now) { Decision::Wait } else { Decision::Create }
    }

    /// Notes that this candidate has become, or still is, the holder, with a request that it began to send at `begun`.
    /// Returns when the term ends that it may act in: nobody can have seen the Lease written earlier.
    pub fn begin_term(&mut self, begun: Instant) -> Instant {
        let end = begun + self.timing.renew_deadline();
        self.term_end = Some(end);
        end
    }

    /// Who held the Lease when it was last seen.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        holder(&self.seen.as_ref()?.spec)
    }

    /// The Lease as this candidate writes it to carry out `decision`: `found` with another holder or another time.
    #[must_use]
    pub fn record(&self, decision: Decision, mut found: Lease, now: Timestamp) -> Lease {
        let now = Some(MicroTime(now));
        let spec = found.spec.get_or_insert_default();
        if decision != Decision::Renew {
            spec.holder_identity = Some(self.identity.clone());
            spec.acquire_time.clone_from(&now);
            let earlier = (decision == Decision::Claim).then(|| spec.lease_transitions.unwrap_or_default());
            spec.lease_transitions = Some(earlier.map_or(0, |earlier| earlier.saturating_add(1)));
        }
        spec.lease_duration_seconds = Some(whole_seconds(self.timing.lease_duration()));
        spec.renew_time = now;
        found
    }

    /// The Lease as this candidate gives it back; `None` when it is not this candidate's.
    #[must_use]
    pub fn released(&self, mut found: Lease, now: Timestamp) -> Option<Lease> {
        let spec = found.spec.as_mut().filter(|spec| holder(spec) == Some(&self.identity))?;
        spec.holder_identity = Some(String::new());
        // As client-go does, for candidates that look at the time only.
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(now));
        Some(found)
    }

    /// Whether the term of the holder that was last seen may not be over yet.
    fn may_be_held(&self, now: Instant) -> bool {
        let held = self.seen.as_ref().filter(|seen| holder(&seen.spec).is_some());
        held.is_some_and(|seen| now < seen.since + self.term(&seen.spec))
    }

    /// How long the holder's term lasts without a renewal: as long as the holder says, who may be set otherwise.
    fn term(&self, spec: &LeaseSpec) -> Duration {
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.filter(|seconds| *seconds > 0).map_or(self.timing.lease_duration(), Duration::from_secs)
    }
}

/// Who holds a Lease; one that was given back names nobody.
fn holder(spec: &LeaseSpec) -> Option<&str> {
    spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// As a Lease states durations: rounded up, so that no other candidate is early.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
