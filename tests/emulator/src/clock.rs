//! Azure's time: real time, run faster by a scale that may change while operations are running.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How many seconds of Azure's time pass in one real second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct TimeScale(f64);

/// A number that is no time scale.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is no time scale: it must lie between 0.001 and 1000000 (1 is Azure's own pace, 20 is twenty times as fast)"
)]
pub struct InvalidTimeScale(f64);

impl TimeScale {
    /// Azure's own pace.
    pub const REAL: Self = Self(1.0);

    /// A time scale between 0.001 and 1,000,000.
    ///
    /// # Errors
    /// When the number lies outside that range.
    pub fn new(scale: f64) -> Result<Self, InvalidTimeScale> {
        if (0.001..=1_000_000.0).contains(&scale) { Ok(Self(scale)) } else { Err(InvalidTimeScale(scale)) }
    }
}

impl TryFrom<f64> for TimeScale {
    type Error = InvalidTimeScale;

    fn try_from(scale: f64) -> Result<Self, Self::Error> {
        Self::new(scale)
    }
}

impl From<TimeScale> for f64 {
    fn from(scale: TimeScale) -> Self {
        scale.0
    }
}

impl std::str::FromStr for TimeScale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scale: f64 = text.parse().map_err(|error| format!("'{text}' is no number: {error}"))?;
        Self::new(scale).map_err(|error| error.to_string())
    }
}

impl fmt::Display for TimeScale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How long Azure takes, in its own time. The defaults are what the wire recordings and the article show.
#[derive(Clone, Debug)]
pub struct Timing {
    /// A `validateForBackup` operation.
    pub validate: RangeInclusive<Duration>,
    /// The operation of a PUT; for an update also the change itself.
    pub put: RangeInclusive<Duration>,
    /// From the PUT's acceptance until `ProtectionConfigured` or `ProtectionError`.
    pub configure: RangeInclusive<Duration>,
    /// A DELETE.
    pub delete: RangeInclusive<Duration>,
    /// stopProtection and suspendBackups.
    pub stop: RangeInclusive<Duration>,
    /// resumeProtection and resumeBackups.
    pub resume: RangeInclusive<Duration>,
    /// A sync. (Inferred: the recording shows only that it takes several polls.)
    pub sync: RangeInclusive<Duration>,
    /// From the loss of a prerequisite until a protected instance turns to `ProtectionError`. (Inferred.)
    pub notice: RangeInclusive<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = |from, to| Duration::from_secs(from)..=Duration::from_secs(to);
        Self {
            validate: seconds(20, 41),
            put: seconds(1, 2),
            configure: seconds(35, 70),
            delete: seconds(80, 105),
            stop: seconds(41, 50),
            resume: seconds(44, 157),
            sync: seconds(10, 30),
            notice: seconds(120, 300),
        }
    }
}

impl Timing {
    /// The same duration for everything that a request starts.
    pub fn uniform(duration: Duration) -> Self {
        let range = || duration..=duration;
        Self {
            validate: range(),
            put: range(),
            configure: range(),
            delete: range(),
            stop: range(),
            resume: range(),
            sync: range(),
            ..Self::default()
        }
    }
}

/// A moment in Azure's time, counted from the engine's start.
pub(crate) type Moment = Duration;

/// Converts between real time and Azure's time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    anchor: Timestamp,
    anchor_moment: Moment,
    scale: TimeScale,
}

impl Clock {
    pub(crate) fn new(start: Timestamp, scale: TimeScale) -> Self {
        Self { anchor: start, anchor_moment: Moment::ZERO, scale }
    }

    pub(crate) fn scale(&self) -> TimeScale {
        self.scale
    }

    /// Azure's time at a real time; a real time before the last change of scale counts as that change.
    pub(crate) fn moment(&self, now: Timestamp) -> Moment {
        let real = now.duration_since(self.anchor).max(SignedDuration::ZERO).unsigned_abs();
        self.anchor_moment + real.mul_f64(self.scale.0)
    }

    /// The real time of a moment, at the present scale.
    pub(crate) fn real(&self, moment: Moment) -> Timestamp {
        let ahead = moment.saturating_sub(self.anchor_moment).div_f64(self.scale.0);
        self.anchor.saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    /// From `now` on, time passes at another scale.
    pub(crate) fn rescale(&mut self, now: Timestamp, scale: TimeScale) {
        self.anchor_moment = self.moment(now);
        self.anchor = now.max(self.anchor);
        self.scale = scale;
    }

    /// The value of a `Retry-After` header for a wait of Azure's time: whole real seconds, at least one.
    pub(crate) fn retry_after(&self, wait: Duration) -> u64 {
        let real = wait.div_f64(self.scale.0);
        let partial = u64::from(real.subsec_nanos() > 0);
        (real.as_secs() + partial).max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_change_of_scale_moves_neither_the_past_nor_a_jump() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |seconds: i64| start + SignedDuration::from_secs(seconds);
        let mut clock = Clock::new(start, TimeScale::REAL);
        assert_eq!(clock.moment(at(30)), Duration::from_secs(30));
        clock.rescale(at(30), TimeScale::new(10.0).unwrap());
        assert_eq!(clock.moment(at(30)), Duration::from_secs(30));
        assert_eq!(clock.moment(at(31)), Duration::from_secs(40));
        assert_eq!(clock.real(Duration::from_secs(40)), at(31));
    }

    #[test]
    fn retry_after_is_scaled_and_never_zero() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (scale, expected) in [(1.0, 15), (2.0, 8), (15.0, 1), (1000.0, 1), (0.5, 30)] {
            let clock = Clock::new(start, TimeScale::new(scale).unwrap());
            assert_eq!(clock.retry_after(Duration::from_secs(15)), expected, "at {scale}");
        }
    }
}
