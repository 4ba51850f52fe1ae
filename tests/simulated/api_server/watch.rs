//! Watches: streams of the changes after a version, one JSON document a line.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::resource::Refusal;
use super::store::{Change, ChangeKind};
use super::{ApiServer, Collection};

/// How long a change takes to those who watch.
const DELAY: Duration = Duration::from_millis(3);

struct Watch {
    server: ApiServer,
    collection: Collection,
    namespace: Option<String>,
    /// How much of the log is told.
    told: usize,
    /// Changes up to this version are known already.
    after: u64,
    /// What is repeated is told to the watches that are open then: those that have read the log this far.
    opened_at: usize,
    until: Instant,
    end: CancellationToken,
    expire: CancellationToken,
    /// Whether the word was told that ends it.
    expired: bool,
}

impl ApiServer {
    /// The changes after `version`, until `timeout`.
    pub(super) fn watch(
        &self,
        collection: Collection,
        namespace: Option<String>,
        version: u64,
        timeout: Duration,
    ) -> impl Stream<Item = Bytes> + use<> {
        // A watch from a version that is forgotten is accepted as well, and then ends with that word.
        let is_known = self.collection(collection).knows_since(version);
        let (end, expire) = {
            let watches = self.watches.lock().unwrap();
            (watches.end.clone(), if is_known { watches.expire.clone() } else { cancelled() })
        };
        let watch = Watch {
            server: self.clone(),
            collection,
            namespace,
            told: 0,
            after: version,
            opened_at: self.collection(collection).log().len(),
            until: Instant::now() + timeout,
            end,
            expire,
            expired: false,
        };
        stream::unfold(watch, |mut watch| async move { watch.next().await.map(|line| (line, watch)) })
    }
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        let mut changes = self.server.changes();
        if self.expired {
            return None;
        }
        loop {
            changes.borrow_and_update();
            if self.expire.is_cancelled() {
                self.expired = true;
                return Some(document(&json!({ "type": "ERROR", "object": Refusal::expired().status() })));
            }
            if let Some(change) = self.take() {
                tokio::time::sleep(DELAY).await;
                return Some(line(&change));
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = self.end.cancelled() => return None,
                () = self.expire.cancelled() => {}
                () = tokio::time::sleep_until(self.until) => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Change> {
        if self.server.watches.lock().unwrap().held {
            return None;
        }
        let horizon = self.server.horizon(self.collection).unwrap_or(usize::MAX);
        let store = self.server.collection(self.collection);
        while let Some(change) = store.log().get(self.told).filter(|_| self.told < horizon) {
            let index = self.told;
            self.told += 1;
            let namespace = &change.object["metadata"]["namespace"];
            let concerns = self.namespace.as_deref().is_none_or(|wanted| namespace == wanted);
            let is_news = if change.repeated { index >= self.opened_at } else { change.version() > self.after };
            if concerns && is_news {
                return Some(change.clone());
            }
        }
        None
    }
}

fn cancelled() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

fn line(change: &Change) -> Bytes {
    let kind = match change.kind {
        ChangeKind::Added => "ADDED",
        ChangeKind::Modified => "MODIFIED",
        ChangeKind::Deleted => "DELETED",
    };
    document(&json!({ "type": kind, "object": change.object }))
}

fn document(value: &Value) -> Bytes {
    let mut line = value.to_string();
    line.push('\n');
    line.into()
}
