//! How long a Lease is good, and how often it is renewed.

use std::time::Duration;

/// A stand-by waits up to this much of a retry period longer, so that several do not keep step.
const JITTER: f64 = 0.2;

/// The times of an election. The defaults are those of Kubernetes' own components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    lease_duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// Times that do not go together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimingError {
    /// Others could take the Lease while this replica still acts.
    #[error(
        "the lease duration ({} s) has to be longer than the renew deadline ({} s), or two replicas could act at once",
        lease_duration.as_secs_f64(), renew_deadline.as_secs_f64()
    )]
    RenewDeadline {
        /// What was given.
        lease_duration: Duration,
        /// What was given.
        renew_deadline: Duration,
    },
    /// There would be no time to try again.
    #[error(
        "the renew deadline ({} s) has to be at least twice the retry period ({} s), or one lost answer would cost the Lease",
        renew_deadline.as_secs_f64(), retry_period.as_secs_f64()
    )]
    RetryPeriod {
        /// What was given.
        renew_deadline: Duration,
        /// What was given.
        retry_period: Duration,
    },
}

impl Timing {
    /// Times that go together.
    ///
    /// # Errors
    /// Which do not.
    pub fn new(
        lease_duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, TimingError> {
        if lease_duration <= renew_deadline {
            return Err(TimingError::RenewDeadline { lease_duration, renew_deadline });
        }
        if renew_deadline < retry_period * 2 {
            return Err(TimingError::RetryPeriod { renew_deadline, retry_period });
        }
        Ok(Self { lease_duration, renew_deadline, retry_period })
    }

    /// How long others wait after the last renewal that they have seen before they take the Lease.
    #[must_use]
    pub fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    /// How long after its last renewal a leader gives up.
    #[must_use]
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// How often a leader renews.
    #[must_use]
    pub fn retry_period(&self) -> Duration {
        self.retry_period
    }

    /// How long an attempt to look at the Lease and to write it may take: short enough for a second one in time.
    #[must_use]
    pub fn attempt_timeout(&self) -> Duration {
        self.renew_deadline / 2
    }

    /// When a stand-by looks again: after the retry period and some jitter.
    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.retry_period.mul_f64(1.0 + JITTER * fastrand::f64())
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_would_let_two_replicas_act_are_refused() {
        let timing = |lease, renew, retry| {
            Timing::new(Duration::from_secs(lease), Duration::from_secs(renew), Duration::from_secs(retry))
        };
        assert_eq!(timing(15, 10, 2), Ok(Timing::default()));
        assert!(timing(3, 2, 1).is_ok());
        for (lease, renew, retry, what) in
            [(10, 10, 2, "lease duration"), (9, 10, 2, "lease duration"), (15, 10, 6, "retry period")]
        {
            let error = timing(lease, renew, retry).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(what), "{lease} {renew} {retry}: {error}");
        }
    }

    #[test]
    fn stand_bys_do_not_keep_step() {
        let timing = Timing::default();
        let looks: std::collections::HashSet<_> = (0..50).map(|_| timing.next_look()).collect();
        assert!(looks.len() > 25);
        assert!(looks.iter().all(|look| (2.0..=2.4).contains(&look.as_secs_f64())), "{looks:?}");
    }
}
