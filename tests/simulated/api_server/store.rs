//! The objects, their versions, and the history of all writes.

use std::collections::BTreeMap;

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
    pub author: Author,
    pub edit: Edit,
    /// The object as it was then.
    pub object: Value,
}

impl Write {
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
}

impl Default for Store {
    /// Empty, in a cluster that has been running for a while.
    fn default() -> Self {
        let (objects, log, writes, events) = Default::default();
        Self { version: 1000, objects, log, writes, events }
    }
}

impl Store {
    /// The resourceVersion of the collection.
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    pub fn objects(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.objects.iter()
    }

    pub fn log(&self) -> &[Change] {
        &self.log
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
    pub fn commit(&mut self, key: &Key, mut object: Value, author: Author, edit: Edit) -> Value {
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
        self.writes.push(Write { author, edit, object: object.clone() });
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
