//! Simulated time: it starts at an arbitrary moment and follows tokio's paused clock.

use std::time::Duration;

use jiff::Timestamp;
use postgres_backup_operator::reconcile::Clock;
use tokio::time::Instant;

/// The time that everything in a simulation shares.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    epoch: Timestamp,
    start: Instant,
}

impl Time {
    /// Starts now. Must be called under a paused runtime.
    pub fn start() -> Self {
        Self { epoch: "2026-11-02T08:00:00Z".parse().unwrap(), start: Instant::now() }
    }

    pub fn elapsed(self) -> Duration {
        self.start.elapsed()
    }

    pub fn now(self) -> Timestamp {
        self.epoch + self.elapsed()
    }

    /// The same time for the operator.
    pub fn clock(self) -> Clock {
        Clock::following_tokio(self.now())
    }
}
