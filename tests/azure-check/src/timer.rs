//! How time passes between two looks at Azure.

use std::time::Duration;

use futures::future::BoxFuture;

/// Lets time pass. A test that owns Azure's clock moves it instead.
pub trait Timer: Send + Sync {
    /// Returns once `time` has passed.
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()>;
}

/// The time of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealTimer {
    /// The longest wait; for an emulator whose time passes faster than ours.
    pub longest: Option<Duration>,
}

impl Timer for RealTimer {
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(self.longest.map_or(time, |longest| time.min(longest))))
    }
}
