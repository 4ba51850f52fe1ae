//! What a replica does with its watch before it leads.

use futures::{Stream, StreamExt};
use kube::runtime::watcher;
use tokio::sync::watch;

use crate::leader::Fence;

/// Whether everything that a watch has told so far is in the store: while it lists all objects, what it has read of them is
/// not.
#[derive(Clone, Debug)]
pub(super) struct Listing(watch::Sender<Progress>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    UnderWay,
    Done,
}

impl Listing {
    /// Of a watch that has not begun.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Progress::UnderWay))
    }

    /// Notes what the watch tells, once the store has it.
    pub(super) fn note<K>(&self, event: &watcher::Event<K>) {
        match event {
            watcher::Event::Init => self.0.send_replace(Progress::UnderWay),
            watcher::Event::InitDone => self.0.send_replace(Progress::Done),
            watcher::Event::InitApply(_) | watcher::Event::Apply(_) | watcher::Event::Delete(_) => return,
        };
    }

    async fn done(&self) {
        // An error would mean that nobody can tell any more, and this value could.
        let _ = self.0.subscribe().wait_for(|progress| *progress == Progress::Done).await;
    }
}

/// Keeps the store up to date, and does nothing else, until the fence is open and the store has all that was told here: what
/// is told later is the caller's.
pub(super) async fn stand_by<T>(
    changes: impl Stream<Item = watcher::Result<T>> + Unpin,
    listing: &Listing,
    fence: &Fence,
    warn: impl Fn(&watcher::Error),
) {
    let leading = async {
        fence.opened().await;
        listing.done().await;
    };
    let following = changes.for_each(|change| {
        change.err().iter().for_each(&warn);
        std::future::ready(())
    });
    tokio::select! {
        biased;
        () = leading => {}
        () = following => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures::TryStreamExt;
    use futures::channel::mpsc;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::watcher::Event;
    use kube::runtime::{WatchStreamExt, reflector};

    use super::*;

    fn object(name: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object
    }

    /// What the store has once a replica leads that was elected after so many of these events.
    async fn known_when_leading(events: Vec<Event<ConfigMap>>, elected_after: usize) -> Vec<String> {
        let (tell, told) = mpsc::unbounded::<watcher::Result<Event<ConfigMap>>>();
        let (reader, writer) = reflector::store();
        let (listing, fence) = (Listing::new(), Fence::closed());
        let noting = listing.clone();
        let mut stream = Box::pin(told.reflect(writer).inspect_ok(move |event| noting.note(event)).applied_objects());
        let election = async {
            for (position, event) in events.into_iter().enumerate() {
                if position == elected_after {
                    fence.open_until(tokio::time::Instant::now() + std::time::Duration::from_secs(10));
                }
                tell.unbounded_send(Ok(event)).unwrap();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(stand_by(&mut stream, &listing, &fence, |_| ()), election);
        let mut names: Vec<_> = reader.state().iter().filter_map(|object| object.metadata.name.clone()).collect();
        // What was not told to the stand-by reaches the controller.
        drop(tell);
        names.extend(stream.map(|object| object.unwrap().metadata.name.unwrap()).collect::<Vec<_>>().await);
        names.sort();
        names
    }

    #[tokio::test]
    async fn whenever_a_replica_is_elected_it_misses_nothing() {
        let events = || {
            vec![
                Event::Init,
                Event::InitApply(object("a")),
                Event::InitApply(object("b")),
                Event::InitDone,
                Event::Apply(object("c")),
                // The watch begins anew, and finds another object.
                Event::Init,
                Event::InitApply(object("a")),
                Event::InitApply(object("d")),
                Event::InitDone,
                Event::Apply(object("e")),
            ]
        };
        for elected_after in 0..events().len() {
            let known = known_when_leading(events(), elected_after).await;
            for name in ["a", "d", "e"] {
                assert!(known.iter().any(|known| known == name), "{name}, elected after {elected_after}: {known:?}");
            }
        }
    }
}
