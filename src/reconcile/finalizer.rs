//! The finalizer: on before the first request that changes Azure, off when nothing in Azure needs the object any more.

use json_patch::{AddOperation, PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::validate::Lifecycle;
use crate::api::{FINALIZER, PostgresBackup};

/// What is to be done about the finalizer of an object that is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Put it on.
    Add,
    /// Take it off: an object that lets go of its backup instance needs none, and can be deleted without the operator.
    Remove,
}

/// What is to be done about the finalizer.
#[must_use]
pub fn due(object: &PostgresBackup) -> Due {
    match (Lifecycle::disposal(object), is_on(object)) {
        (Some(_), false) => Due::Add,
        (None, true) => Due::Remove,
        (Some(_), true) | (None, false) => Due::Nothing,
    }
}

/// Whether the object carries the finalizer.
#[must_use]
pub fn is_on(object: &PostgresBackup) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts the finalizer on.
///
/// # Errors
/// What the API server answered; a conflict if the object has changed since it was read.
pub async fn add(api: &Api<PostgresBackup>, object: &PostgresBackup) -> Result<PostgresBackup, kube::Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    replace(api, object, finalizers).await
}

/// Takes the finalizer off.
///
/// # Errors
/// What the API server answered; a conflict if the object has changed since it was read.
pub async fn remove(api: &Api<PostgresBackup>, object: &PostgresBackup) -> Result<PostgresBackup, kube::Error> {
    let finalizers = object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
    replace(api, object, finalizers).await
}

/// Replaces the finalizers of exactly this object in exactly this version: not those of a later object of the same name.
async fn replace(
    api: &Api<PostgresBackup>,
    object: &PostgresBackup,
    finalizers: Vec<String>,
) -> Result<PostgresBackup, kube::Error> {
    let at = |field: &str| PointerBuf::from_tokens(["metadata", field]);
    let test = |field, value: Option<String>| {
        PatchOperation::Test(TestOperation { path: at(field), value: json!(value.unwrap_or_default()) })
    };
    let change = if finalizers.is_empty() {
        PatchOperation::Remove(RemoveOperation { path: at("finalizers") })
    } else {
        PatchOperation::Add(AddOperation { path: at("finalizers"), value: json!(finalizers) })
    };
    let patch =
        json_patch::Patch(vec![test("uid", object.uid()), test("resourceVersion", object.resource_version()), change]);
    api.patch(&object.name_any(), &PatchParams::default(), &Patch::Json::<Value>(patch)).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reconcile::testing::object;

    #[test]
    fn an_object_carries_it_while_something_is_to_be_done_in_azure_when_it_goes() {
        for (mode, policy, bare, carrying) in [
            ("Enforce", "Delete", Due::Add, Due::Nothing),
            ("Enforce", "StopProtection", Due::Add, Due::Nothing),
            ("Enforce", "Retain", Due::Nothing, Due::Remove),
            ("Observe", "Delete", Due::Nothing, Due::Remove),
            ("Observe", "StopProtection", Due::Nothing, Due::Remove),
            ("Observe", "Retain", Due::Nothing, Due::Remove),
            ("ValidateOnly", "Delete", Due::Nothing, Due::Remove),
            ("ValidateOnly", "StopProtection", Due::Nothing, Due::Remove),
            ("ValidateOnly", "Retain", Due::Nothing, Due::Remove),
        ] {
            let mut object = object(json!({ "mode": mode, "deletionPolicy": policy }));
            assert_eq!(due(&object), carrying, "{mode}, {policy}, with it");
            // Somebody else's finalizer plays no part.
            object.metadata.finalizers = Some(vec!["backup.example.com/archive".to_owned()]);
            assert_eq!(due(&object), bare, "{mode}, {policy}, without it");
        }
    }
}
