//! The rules that every write of a custom resource obeys. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What identifies an object.
pub type Key = (String, String);

/// Why the API server refuses a request.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into() }
    }

    pub fn not_found(name: &str) -> Self {
        Self::new(404, "NotFound", format!("postgresbackups.pgbackup.dev \"{name}\" not found"))
    }

    pub fn conflict(name: &str) -> Self {
        let text = "the object has been modified; please apply your changes to the latest version and try again";
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on postgresbackups.pgbackup.dev \"{name}\": {text}"),
        )
    }

    /// The changes after a version are forgotten.
    pub fn expired() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    /// The body of the answer.
    pub fn status(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "code": self.code, "reason": self.reason, "message": self.message,
        })
    }
}

/// A new object as it is stored: identified, at generation 1, with the defaults of the CustomResourceDefinition.
pub fn created(mut object: Value, uid: String, now: Timestamp) -> Value {
    let metadata = metadata_mut(&mut object);
    metadata.insert("uid".to_owned(), json!(uid));
    metadata.insert("generation".to_owned(), json!(1));
    metadata.insert("creationTimestamp".to_owned(), json!(seconds(now)));
    if object["kind"] == "PostgresBackup" {
        object["spec"].as_object_mut().unwrap().entry("deletionPolicy").or_insert(json!("Delete"));
    }
    object["status"] = json!({ "observedGeneration": -1 });
    object
}

/// An object after a write of everything but its status: the generation counts changes of the specification.
pub fn updated(old: &Value, mut new: Value, name: &str) -> Result<Value, Refusal> {
    for field in ["uid", "name", "namespace", "creationTimestamp", "deletionTimestamp", "generation"] {
        if new["metadata"][field] != old["metadata"][field] {
            return Err(Refusal::new(422, "Invalid", format!("metadata.{field} of {name} is immutable")));
        }
    }
    let is_new = |finalizer: &&String| !finalizers(old).contains(finalizer);
    if is_deleted(old) && finalizers(&new).iter().any(|finalizer| is_new(&finalizer)) {
        let text = "no new finalizers can be added if the object is being deleted";
        return Err(Refusal::new(422, "Invalid", format!("metadata.finalizers of {name}: Forbidden: {text}")));
    }
    new["status"] = old["status"].clone();
    if new["spec"] != old["spec"] {
        count_generation(&mut new);
    }
    Ok(new)
}

/// An object that was deleted while finalizers are left.
pub fn terminating(mut object: Value, now: Timestamp) -> Value {
    if !is_deleted(&object) {
        metadata_mut(&mut object).insert("deletionTimestamp".to_owned(), json!(seconds(now)));
        metadata_mut(&mut object).insert("deletionGracePeriodSeconds".to_owned(), json!(0));
        count_generation(&mut object);
    }
    object
}

pub fn is_deleted(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

pub fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array();
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether two versions of an object differ in more than their resourceVersion.
pub fn is_same(a: &Value, b: &Value) -> bool {
    let without_version = |object: &Value| {
        let mut object = object.clone();
        metadata_mut(&mut object).remove("resourceVersion");
        object
    };
    without_version(a) == without_version(b)
}

pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    object["metadata"].as_object_mut().unwrap()
}

fn count_generation(object: &mut Value) {
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    object["metadata"]["generation"] = json!(generation + 1);
}

/// As Kubernetes writes times.
pub fn seconds(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
