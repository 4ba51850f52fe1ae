//! The objects, their versions, and the history of all writes.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use postgres_backup_operator::api::PostgresBackup;
use serde_json::{Value, json};
use uuid::Uuid;

use super::resource::{self, Key};

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Operator,
    User,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    Created,
    /// Specification, annotations or other users' finalizers.
    Edited,
    Finalizers,
    Status,
    Deleted,
}

/// One write that changed something.
#[derive(Clone, Debug)]
pub struct Write {
    /// Since the simulation began.
    pub at: Duration,
    pub author: Author,
    pub edit: Edit,
    /// The object as it was then.
    pub object: Value,
}

impl Write {
    /// Whether the object is gone with it.
    pub fn goes(&self) -> bool {
        resource::is_deleted(&self.object) && resource::finalizers(&self.object).is_empty()
    }

    /// The object as the operator reads it.
    pub fn typed(&self) -> PostgresBackup {
        serde_json::from_value(self.object.clone()).expect("the object is a PostgresBackup")
    }
}

/// A change as watches tell it.
#[derive(Clone, Debug)]
pub struct Change {
    pub kind: ChangeKind,
    pub object: Value,
    /// Whether it was told before and is told again only to the watches that are open.
    pub repeated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

impl Change {
    pub fn version(&self) -> u64 {
        version_of(&self.object)
    }
}

pub fn version_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

pub struct Store {
    version: u64,
    objects: BTreeMap<Key, Value>,
    log: Vec<Change>,
    writes: Vec<Write>,
    events: Vec<Event>,
    /// Changes before this version are forgotten.
    compacted: u64,
}

impl Default for Store {
    /// Empty, in a cluster that has been running for a while.
    fn default() -> Self {
        let (objects, log, writes, events, compacted) = Default::default();
        Self { version: FIRST_VERSION, objects, log, writes, events, compacted }
    }
}

/// The version of a collection to which nothing was written yet.
const FIRST_VERSION: u64 = 1000;

impl Store {
    /// The resourceVersion of the collection.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub fn objects(&self) -> &BTreeMap<Key, Value> {
        &self.objects
    }

    pub fn log(&self) -> &[Change] {
        &self.log
    }

    /// The objects and the version as they were when the log was so long.
    pub fn as_of(&self, horizon: usize) -> (BTreeMap<Key, Value>, u64) {
        let (mut objects, mut version) = (BTreeMap::new(), FIRST_VERSION);
        for change in self.log[..horizon].iter().filter(|change| !change.repeated) {
            let metadata = &change.object["metadata"];
            let part = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
            let key = (part("namespace"), part("name"));
            match change.kind {
                ChangeKind::Deleted => objects.remove(&key),
                ChangeKind::Added | ChangeKind::Modified => objects.insert(key, change.object.clone()),
            };
            version = change.version();
        }
        (objects, version)
    }

    /// Forgets the changes until now, as etcd does after a while. Who has not seen them has to list anew.
    pub fn compact(&mut self) {
        self.compacted = self.version;
    }

    /// Whether the changes after a version are still known.
    pub fn knows_since(&self, version: u64) -> bool {
        version >= self.compacted
    }

    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub fn event_mut(&mut self, name: &str) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.metadata.name.as_deref() == Some(name))
    }

    pub fn add_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// A UID that no other object has or had.
    pub fn next_uid(&self) -> String {
        Uuid::from_u128(0x7e57_0000_0000_4000_8000_0000_0000_0000 + self.writes.len() as u128).to_string()
    }

    /// Stores an object; one that is deleted and has no finalizer left goes. An object that is no different from the stored
    /// one is not written and keeps its version.
    pub fn commit(&mut self, at: Duration, key: &Key, mut object: Value, author: Author, edit: Edit) -> Value {
        let old = self.objects.get(key);
        if let Some(same) = old.filter(|old| resource::is_same(old, &object)) {
            return same.clone();
        }
        self.version += 1;
        resource::metadata_mut(&mut object).insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        let goes = resource::is_deleted(&object) && resource::finalizers(&object).is_empty();
        let kind = match (goes, old) {
            (true, _) => ChangeKind::Deleted,
            (false, None) => ChangeKind::Added,
            (false, Some(_)) => ChangeKind::Modified,
        };
        if goes {
            self.objects.remove(key);
        } else {
            self.objects.insert(key.clone(), object.clone());
        }
        self.log.push(Change { kind, object: object.clone(), repeated: false });
        self.writes.push(Write { at, author, edit, object: object.clone() });
        object
    }

    /// Removes everything, without a trace in the history.
    pub fn clear(&mut self) {
        self.objects.clear();
    }

    /// Tells a change once more.
    pub fn repeat(&mut self, change: Change) {
        self.log.push(Change { repeated: true, ..change });
    }
}
