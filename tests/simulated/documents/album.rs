//! What the runs have shown.

use std::collections::{BTreeMap, BTreeSet};

use postgres_backup_operator::api::Reason;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api_server::{Author, Edit};
use crate::world::World;

/// The first line of each file.
const HEADER: &str = "# Written by the operator in a simulated run: tests/simulated/documents.\n";

/// Documents by the reason that they show or the situation that they are about, and what was told in events.
#[derive(Default)]
pub struct Album {
    /// The first object whose Ready has the reason.
    ready: BTreeMap<String, Value>,
    /// The first object that shows the reason in any condition.
    shown: BTreeMap<String, Value>,
    situations: BTreeMap<&'static str, Value>,
    told: BTreeSet<String>,
}

impl Album {
    /// Takes every status that the operator has written in a world, and the reasons of its events.
    pub fn keep(&mut self, world: &World) {
        for write in world.kubernetes.writes() {
            if (write.author, write.edit) == (Author::Operator, Edit::Status) {
                self.take(&write.object);
            }
        }
        let events = world.kubernetes.events();
        self.told.extend(events.into_iter().filter_map(|event| event.reason));
    }

    /// Takes a grant as it is now.
    pub fn keep_grant(&mut self, world: &World, name: &str) {
        let grant = world.kubernetes.get_grant(name).expect("the grant exists");
        self.take(&serde_json::to_value(grant).unwrap());
    }

    /// Takes an object for a situation that no reason names.
    pub fn keep_as(&mut self, situation: &'static str, object: Value) {
        assert!(self.situations.insert(situation, object).is_none(), "{situation} is there twice");
    }

    /// Takes the last write of a kind that somebody else than the operator has made of `orders`.
    pub fn keep_write_as(&mut self, situation: &'static str, world: &World, edit: Edit) {
        let is_meant = |edited: Edit, author| edited == edit && author == Author::User;
        let mut writes = world.kubernetes.history("orders").into_iter();
        let write = writes.rfind(|write| is_meant(write.edit, write.author)).expect("somebody has written");
        self.keep_as(situation, write.object);
    }

    /// Whether a document shows the reason.
    pub fn has(&self, reason: Reason) -> bool {
        self.shown.contains_key(reason.as_str())
    }

    /// Whether an event has told of the reason.
    pub fn is_told(&self, reason: Reason) -> bool {
        self.told.contains(reason.as_str())
    }

    /// The files: name and text.
    pub fn documents(&self) -> BTreeMap<String, String> {
        let mut objects: BTreeMap<String, &Value> = BTreeMap::new();
        objects.extend(self.shown.iter().map(|(reason, object)| (reason.clone(), object)));
        objects.extend(self.ready.iter().map(|(reason, object)| (reason.clone(), object)));
        objects.extend(self.situations.iter().map(|(situation, object)| ((*situation).to_owned(), object)));
        objects.into_iter().map(|(name, object)| (name, text(object.clone()))).collect()
    }

    fn take(&mut self, object: &Value) {
        for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
            let reason = condition["reason"].as_str().unwrap().to_owned();
            if condition["type"] == "Ready" {
                self.ready.entry(reason.clone()).or_insert_with(|| object.clone());
            }
            self.shown.entry(reason).or_insert_with(|| object.clone());
        }
    }
}

/// The text of a file, without what differs from run to run: the number of writes before, and the ids by which Azure finds
/// its traces.
fn text(mut object: Value) -> String {
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    for issue in object.pointer_mut("/status/issues").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(id) = issue.get_mut("activityId") {
            *id = json!(Uuid::nil());
        }
    }
    format!("{HEADER}{}", serde_saphyr::to_string(&object).unwrap())
}
