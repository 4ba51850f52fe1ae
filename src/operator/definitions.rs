//! Whether the CustomResourceDefinitions in the cluster have all that this operator reads and writes.
//!
//! An older definition would not be noticed otherwise: the API server drops what it does not know from a status without a word. What
//! it knows stands in the OpenAPI document of the API group, which every ServiceAccount may read; a right to read the
//! definitions themselves is not needed.

use std::time::Duration;

use kube::Client;
use serde_json::Value;

use crate::api::crd::{self, Kind};

/// The OpenAPI document is published some moments after a definition has changed.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked at until then.
const LOOK_EVERY: Duration = Duration::from_millis(250);

const DOCUMENT: &str = "/openapi/v3/apis/pgbackup.dev/v1alpha1";

/// Why the definitions in the cluster do not do.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// They lack something.
    #[error(
        "the CustomResourceDefinition of {kind} in the cluster is older than this operator: it does not know {}; bring it up to date: postgres-backup-operator crd | kubectl apply --server-side -f -",
        .lacks.join(", ")
    )]
    Outdated {
        /// The kind of objects.
        kind: &'static str,
        /// Fields, and values of fields, that it lacks.
        lacks: Vec<String>,
    },
    /// The API server does not tell.
    #[error("the Kubernetes API server does not tell what it knows of the group pgbackup.dev ({DOCUMENT})")]
    Untold(#[source] kube::Error),
}

/// Checks that the API server knows all fields of all kinds.
///
/// # Errors
/// [`DefinitionError::Outdated`] with what it does not know.
pub async fn check(client: &Client) -> Result<(), DefinitionError> {
    let until = tokio::time::Instant::now() + PUBLISHED_WITHIN;
    loop {
        let found = look(client).await;
        match found {
            Ok(()) => return Ok(()),
            Err(DefinitionError::Untold(kube::Error::Api(status))) if matches!(status.code, 403 | 404) => {
                if status.code == 403 || tokio::time::Instant::now() >= until {
                    // What has been listed is there; only its age cannot be told.
                    tracing::warn!(
                        status.message,
                        "Could not compare the CustomResourceDefinitions with this operator"
                    );
                    return Ok(());
                }
            }
            Err(error) if tokio::time::Instant::now() >= until => return Err(error),
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(client: &Client) -> Result<(), DefinitionError> {
    let request = http::Request::get(DOCUMENT)
        .body(Vec::new())
        .map_err(|error| DefinitionError::Untold(kube::Error::HttpError(error)))?;
    let document: Value = client.request(request).await.map_err(DefinitionError::Untold)?;
    for kind in Kind::ALL {
        let lacks = lacking(kind, &document);
        if !lacks.is_empty() {
            return Err(DefinitionError::Outdated { kind: kind.name(), lacks });
        }
    }
    Ok(())
}

/// What the schema of a kind lacks in an OpenAPI document.
fn lacking(kind: Kind, document: &Value) -> Vec<String> {
    let served = document["components"]["schemas"].as_object().and_then(|schemas| {
        schemas.values().find(|schema| {
            let identities = schema["x-kubernetes-group-version-kind"].as_array();
            identities.is_some_and(|identities| identities.iter().any(|identity| identity["kind"] == kind.name()))
        })
    });
    let definition = crd::definition(kind);
    let schema = definition.spec.versions.first().and_then(|version| version.schema.as_ref());
    let Ok(ours) = serde_json::to_value(schema.and_then(|schema| schema.open_api_v3_schema.as_ref())) else {
        return Vec::new();
    };
    let mut lacks = Vec::new();
    compare(&ours, served.unwrap_or(&Value::Null), "", &mut lacks);
    lacks
}

fn compare(ours: &Value, served: &Value, path: &str, lacks: &mut Vec<String>) {
    for (name, property) in ours["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match served["properties"].get(name) {
            Some(known) => compare(property, known, &path, lacks),
            None => lacks.push(path),
        }
    }
    if ours["items"].is_object() {
        compare(&ours["items"], &served["items"], &format!("{path}[]"), lacks);
    }
    if let (Some(values), Some(known)) = (ours["enum"].as_array(), served["enum"].as_array()) {
        let unknown = values.iter().filter(|value| !known.contains(value)).filter_map(Value::as_str);
        lacks.extend(unknown.map(|value| format!("{path}: {value}")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_schema_lacks_is_named() {
        let ours = json!({ "properties": {
            "spec": { "properties": { "mode": { "enum": ["Enforce", "Observe"] }, "vault": {} } },
            "status": { "properties": { "issues": { "items": { "properties": { "code": {}, "detail": {} } } } } },
        }});
        for (pointer, expected) in [
            ("", &[][..]),
            ("/properties/spec/properties/vault", &["spec.vault"]),
            ("/properties/status", &["status"]),
            ("/properties/status/properties/issues/items/properties/detail", &["status.issues[].detail"]),
            ("/properties/spec/properties/mode/enum/1", &["spec.mode: Observe"]),
        ] {
            let mut served = ours.clone();
            served["properties"]["spec"]["properties"]["newer"] = json!({});
            if let Some((parent, field)) = pointer.rsplit_once('/') {
                match served.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(field)),
                    Some(Value::Array(values)) => values.truncate(field.parse().unwrap_or(0)),
                    _ => panic!("{pointer}"),
                }
            }
            let mut lacks = Vec::new();
            compare(&ours, &served, "", &mut lacks);
            assert_eq!(lacks, expected, "without {pointer}");
        }
    }
}
