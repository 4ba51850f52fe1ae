//! Makes one watch of several, so that a store can be filled from the namespaces that the operator may read.
//!
//! A watch begins with a list of everything there is, and begins anew after troubles; a store then forgets what the list lacks. The list of
//! one watch among several says nothing about what the others have, so the union begins once, when all have been read, and tells from
//! then on what a list has that is new, and what it lacks.

use std::collections::{HashSet, VecDeque};
use std::fmt::Debug;

use futures::stream::{BoxStream, SelectAll};
use futures::{Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};

/// One of the watches, and which objects it is about. No two are about the same.
pub(super) struct Part<K: 'static> {
    /// Its events, with troubles backed off from.
    pub(super) events: BoxStream<'static, watcher::Result<Event<K>>>,
    /// Whether it is about this object.
    pub(super) covers: Box<dyn Fn(&K) -> bool + Send>,
}

/// One watch of all that the parts are about. `known` is the store that its events are written to, before the next is asked for.
pub(super) fn union<K>(parts: Vec<Part<K>>, known: Store<K>) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let (streams, lists): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .enumerate()
        .map(|(part, Part { events, covers })| (events.map(move |event| (part, event)).boxed(), List::new(covers)))
        .unzip();
    let union = Union {
        streams: futures::stream::select_all(streams),
        lists,
        known,
        next: VecDeque::from([Event::Init]),
        incomplete: VecDeque::new(),
        reading: true,
    };
    futures::stream::unfold(union, async |mut union| Some((union.step().await?, union)))
}

/// What a part has listed since it began, for the last time.
struct List<K: Resource<DynamicType = ()>> {
    covers: Box<dyn Fn(&K) -> bool + Send>,
    listed: HashSet<ObjectRef<K>>,
    is_complete: bool,
}

impl<K: Resource<DynamicType = ()>> List<K> {
    fn new(covers: Box<dyn Fn(&K) -> bool + Send>) -> Self {
        Self { covers, listed: HashSet::new(), is_complete: false }
    }
}

struct Union<K: Resource<DynamicType = ()> + 'static> {
    streams: SelectAll<BoxStream<'static, (usize, watcher::Result<Event<K>>)>>,
    lists: Vec<List<K>>,
    known: Store<K>,
    /// What to say before anything else.
    next: VecDeque<Event<K>>,
    /// Parts whose list is complete, and what it lacks not yet told.
    incomplete: VecDeque<usize>,
    /// Whether some part has never been read to the end.
    reading: bool,
}

impl<K> Union<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    async fn step(&mut self) -> Option<watcher::Result<Event<K>>> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some(Ok(event));
            }
            // Everything said so far is in the store by now.
            if !self.reading
                && let Some(part) = self.incomplete.pop_front()
            {
                self.forget_missing(part);
                continue;
            }
            match self.streams.next().await? {
                (part, Ok(event)) => self.take(part, event),
                (_, Err(error)) => return Some(Err(error)),
            }
        }
    }

    fn take(&mut self, part: usize, event: Event<K>) {
        let list = &mut self.lists[part];
        match event {
            Event::Init => {
                list.listed.clear();
                if self.reading {
                    list.is_complete = false;
                    self.incomplete.retain(|other| *other != part);
                }
            }
            Event::InitApply(object) => {
                list.listed.insert(ObjectRef::from_obj(&object));
                self.next.push_back(if self.reading { Event::InitApply(object) } else { Event::Apply(object) });
            }
            Event::InitDone => {
                list.is_complete = true;
                self.incomplete.push_back(part);
                if self.reading && self.lists.iter().all(|list| list.is_complete) {
                    self.reading = false;
                    self.next.push_back(Event::InitDone);
                }
            }
            Event::Apply(object) => {
                list.listed.insert(ObjectRef::from_obj(&object));
                self.next.push_back(if self.reading { Event::InitApply(object) } else { Event::Apply(object) });
            }
            Event::Delete(object) => {
                list.listed.remove(&ObjectRef::from_obj(&object));
                // While the others are read, the store is told with what is missing at the end.
                if !self.reading {
                    self.next.push_back(Event::Delete(object));
                }
            }
        }
    }

    /// Says that what the list of a part lacks is gone.
    fn forget_missing(&mut self, part: usize) {
        let List { covers, listed, .. } = &self.lists[part];
        let known = self.known.state().into_iter();
        let missing = known.filter(|object| covers(object) && !listed.contains(&ObjectRef::from_obj(&**object)));
        self.next.extend(missing.map(|object| Event::Delete((*object).clone())));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::ResourceExt;
    use kube::runtime::{WatchStreamExt, reflector};

    use super::*;

    fn object(namespace: &str, name: &str, version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.resource_version = Some(version.to_owned());
        object
    }

    /// `a:Init`, `a+x1` (listed), `a.` (list complete), `a=x2` (applied), `a-x` (deleted), of the namespace a or b.
    fn event(text: &str) -> (usize, Event<ConfigMap>) {
        let (namespace, rest) = text.split_at(1);
        let (sign, rest) = rest.split_at(1);
        let (name, version) = rest.split_at(rest.len().min(1));
        let object = object(namespace, name, version);
        let event = match sign {
            ":" => Event::Init,
            "+" => Event::InitApply(object),
            "." => Event::InitDone,
            "=" => Event::Apply(object),
            "-" => Event::Delete(object),
            _ => panic!("{text}"),
        };
        (usize::from(namespace == "b"), event)
    }

    /// What the store holds after each of the events, as `a/x1 b/y1`; nothing until it is ready.
    async fn stored_after(events: &str) -> Vec<String> {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..2).map(|_| futures::channel::mpsc::unbounded::<watcher::Result<Event<ConfigMap>>>()).unzip();
        let parts = receivers.into_iter().zip(["a", "b"]).map(|(receiver, namespace)| Part {
            events: receiver.boxed(),
            covers: Box::new(move |object: &ConfigMap| object.namespace().as_deref() == Some(namespace)),
        });
        let (store, writer) = reflector::store();
        let mut stream = union(parts.collect(), store.clone()).reflect(writer).boxed();
        let mut stored = Vec::new();
        for text in events.split(' ') {
            let (part, event) = event(text);
            senders[part].unbounded_send(Ok(event)).unwrap();
            while let Some(said) = futures::FutureExt::now_or_never(stream.next()) {
                said.unwrap().unwrap();
            }
            let mut seen: Vec<_> = store.state().iter().map(|object| show(object)).collect();
            seen.sort();
            stored.push(seen.join(" "));
        }
        stored
    }

    fn show(object: &ConfigMap) -> String {
        format!(
            "{}/{}{}",
            object.namespace().unwrap(),
            object.name_any(),
            object.metadata.resource_version.as_ref().unwrap()
        )
    }

    #[tokio::test]
    async fn a_store_holds_what_the_parts_have_said_last() {
        for (what, events, last) in [
            ("nothing counts until all is read", "a: a+x1 a. b: b+y1", ""),
            ("all is read", "a: a+x1 a. b: b+y1 b.", "a/x1 b/y1"),
            ("what changes while others are read counts", "a: a+x1 a. a=x2 a=z1 b: b.", "a/x2 a/z1"),
            ("what goes while others are read is gone", "a: a+x1 a+z1 a. a-x b: b.", "a/z1"),
            ("changes after that", "a: a+x1 a. b: b. b=y1 a=x2 b=y2", "a/x2 b/y2"),
            ("deletions after that", "a: a+x1 a. b: b+y1 b. a-x", "b/y1"),
            ("a second list of one leaves the other alone", "a: a+x1 a. b: b+y1 b. a: a+x2 a.", "a/x2 b/y1"),
            ("and forgets what it lacks", "a: a+x1 a+z1 a. b: b+y1 b. a: a+z2 a.", "a/z2 b/y1"),
            ("an empty second list", "a: a+x1 a. b: b+y1 b. a: a.", "b/y1"),
            ("a first list that began twice", "a: a+x1 a: a+z1 a. b: b.", "a/z1"),
            ("a second list before the others' first", "a: a+x1 a. a: a+z1 a. b: b.", "a/z1"),
            ("until it is complete nothing is forgotten", "a: a+x1 a. b: b. a: a+z1", "a/x1 a/z1"),
        ] {
            assert_eq!(stored_after(events).await.last().unwrap(), last, "{what}: {events}");
        }
    }
}
