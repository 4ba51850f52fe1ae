//! Until when this replica may act.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::azure::WriteGate;

/// Says whether this replica may act. Clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence(watch::Sender<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    OpenUntil(Instant),
    Open,
}

impl State {
    fn is_open(self) -> bool {
        match self {
            Self::Closed => false,
            Self::OpenUntil(end) => Instant::now() < end,
            Self::Open => true,
        }
    }
}

impl Fence {
    /// Closed, until this replica is elected.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::Sender::new(State::Closed))
    }

    /// Open for good: there is no other replica.
    #[must_use]
    pub fn open() -> Self {
        Self(watch::Sender::new(State::Open))
    }

    /// Opens it until `end`, after which it is closed unless it has been opened again.
    pub fn open_until(&self, end: Instant) {
        self.0.send_replace(State::OpenUntil(end));
    }

    /// Closes it.
    pub fn close(&self) {
        self.0.send_replace(State::Closed);
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        // An error would mean that nobody can open it any more, and this value could.
        let _ = self.0.subscribe().wait_for(|state| state.is_open()).await;
    }
}

impl WriteGate for Fence {
    fn is_open(&self) -> bool {
        self.0.borrow().is_open()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_closes_by_itself() {
        let fence = Fence::closed();
        assert!(!fence.is_open());
        let opened = fence.clone();
        let opened = tokio::spawn(async move { opened.opened().await });
        fence.open_until(Instant::now() + Duration::from_secs(10));
        assert!(opened.await.is_ok());
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(fence.is_open());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!fence.is_open());
        assert_eq!(fence.opened().now_or_never(), None);
        fence.open_until(Instant::now() + Duration::from_secs(10));
        assert!(fence.is_open());
        fence.close();
        assert!(!fence.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn that_of_a_single_replica_stays_open() {
        let fence = Fence::open();
        tokio::time::advance(Duration::from_secs(1_000_000)).await;
        assert!(fence.is_open());
        assert_eq!(fence.opened().now_or_never(), Some(()));
    }
}
