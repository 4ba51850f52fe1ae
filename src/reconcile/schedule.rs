//! When an object is looked at again. Nothing waits inside a pass: every wait is a requeue.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::azure::ErrorClass;

/// How often an object is looked at again while it is stalled on something that may heal by itself.
const STALLED_LOOK: Duration = Duration::from_secs(5 * 60);

/// The wait that Azure's "another operation runs" gets when Azure names none.
const BUSY_WAIT: Duration = Duration::from_secs(30);

impl Standing {
    /// The standing of an object that has not been where it should be for this long.
    #[must_use]
    pub fn after(unsettled: Duration, deadline: Duration) -> Self {
        if unsettled < deadline { Self::WithinDeadline } else { Self::PastDeadline }
    }
}

/// How soon an object is looked at again that has changed while it was worked on, `conflicts` times in a row before.
#[must_use]
pub fn after_conflict(conflicts: u32) -> Duration {
    growing(Duration::from_millis(500), Duration::from_secs(60), conflicts)
}

/// When to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: a step was completed and the next one follows.
    Now,
    /// After exactly this time, which Azure asked for.
    After(Duration),
    /// After the drift interval, jittered so that a fleet does not look all at once.
    Drift,
    /// After the back-off for trouble of this class; the time that Azure asked for takes precedence.
    BackOff(ErrorClass, Option<Duration>),
    /// When the object changes.
    OnChange,
}

/// How far apart looks are.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Trouble of the same kind in a row, so far.
    pub attempts: u32,
    /// Whether the deadline has passed.
    pub standing: Standing,
    /// The look at a healthy object comes this often.
    pub drift_interval: Duration,
}

/// Whether an object is still expected to get there by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    WithinDeadline,
    /// It took too long: a person should look.
    PastDeadline,
}

impl Next {
    /// The delay until the next look; `None` waits for a change of the object.
    #[must_use]
    pub fn delay(&self, pace: Pace) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::After(delay) => Some(*delay),
            Self::Drift => Some(spread(pace.drift_interval)),
            Self::BackOff(class, asked) => Some(back_off(*class, *asked, pace)),
            Self::OnChange => None,
        }
    }
}

fn back_off(class: ErrorClass, asked: Option<Duration>, pace: Pace) -> Duration {
    match class {
        ErrorClass::Throttled => asked.unwrap_or(BUSY_WAIT),
        ErrorClass::Busy => asked.unwrap_or_else(|| spread(BUSY_WAIT)),
        ErrorClass::Transient => {
            let delay = growing(Duration::from_secs(1), Duration::from_secs(60), pace.attempts);
            asked.map_or(delay, |asked| asked.max(delay))
        }
        ErrorClass::Permission | ErrorClass::Prerequisite | ErrorClass::Approval => match pace.standing {
            Standing::WithinDeadline => growing(Duration::from_secs(15), Duration::from_secs(60), pace.attempts),
            Standing::PastDeadline => spread(STALLED_LOOK),
        },
        ErrorClass::Request => spread(pace.drift_interval),
    }
}

/// Doubles from `first` to `longest`, with jitter.
fn growing(first: Duration, longest: Duration, attempts: u32) -> Duration {
    let attempts = usize::try_from(attempts).unwrap_or(usize::MAX).min(16);
    let builder = ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times();
    spread(builder.build().nth(attempts).unwrap_or(longest))
}

/// Between nine and eleven tenths of `delay`.
fn spread(delay: Duration) -> Duration {
    delay.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIFT: Duration = Duration::from_secs(600);

    fn pace(attempts: u32, standing: Standing) -> Pace {
        Pace { attempts, standing, drift_interval: DRIFT }
    }

    #[test]
    fn every_class_has_its_pace() {
        use ErrorClass::{Approval, Busy, Permission, Prerequisite, Request, Throttled, Transient};
        use Standing::{PastDeadline, WithinDeadline};

        let asked = Some(Duration::from_secs(7));
        for (class, asked, attempts, standing, seconds) in [
            (Throttled, asked, 9, WithinDeadline, 7.0),
            (Throttled, asked, 9, PastDeadline, 7.0),
            (Busy, asked, 9, WithinDeadline, 7.0),
            (Busy, None, 0, WithinDeadline, 30.0),
            (Transient, None, 0, WithinDeadline, 1.0),
            (Transient, None, 3, WithinDeadline, 8.0),
            (Transient, None, 1000, WithinDeadline, 60.0),
            (Transient, None, 1000, PastDeadline, 60.0),
            (Permission, None, 0, WithinDeadline, 15.0),
            (Permission, None, 1, WithinDeadline, 30.0),
            (Prerequisite, None, 9, WithinDeadline, 60.0),
            (Prerequisite, None, 9, PastDeadline, 300.0),
            (Approval, None, 0, PastDeadline, 300.0),
            (Request, None, 0, WithinDeadline, 600.0),
        ] {
            let delay = Next::BackOff(class, asked).delay(pace(attempts, standing)).map(|delay| delay.as_secs_f64());
            let near = delay.is_some_and(|delay| (seconds * 0.9..=seconds * 1.1).contains(&delay));
            assert!(near, "{class:?} after {attempts} attempts, {standing:?}: {delay:?} instead of {seconds}");
        }
    }

    #[test]
    fn azures_wish_is_never_undercut() {
        for attempts in 0..20 {
            let asked = Some(Duration::from_secs(20));
            let delay = Next::BackOff(ErrorClass::Transient, asked).delay(pace(attempts, Standing::WithinDeadline));
            assert!(delay >= asked, "{delay:?}");
        }
    }

    #[test]
    fn looks_at_a_healthy_fleet_are_spread() {
        let delays: std::collections::HashSet<_> =
            (0..50).filter_map(|_| Next::Drift.delay(pace(0, Standing::WithinDeadline))).collect();
        assert!(delays.len() > 25, "{delays:?}");
        assert_eq!(Next::OnChange.delay(pace(0, Standing::WithinDeadline)), None);
    }
}
