//! The CustomResourceDefinition, as generated from the types and completed with what their schema cannot say.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::PostgresBackup;

/// The CustomResourceDefinition of `PostgresBackup`.
///
/// Two things are added to the derived schema: `status` defaults to `observedGeneration: -1`, so that a new object
/// never looks finished to kstatus before the operator has seen it; and optional fields are not `nullable`, as is
/// usual in Kubernetes.
#[must_use]
pub fn definition() -> CustomResourceDefinition {
    let mut crd = PostgresBackup::crd();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            remove_nullable(schema);
            if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
                status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            }
        }
    }
    crd
}

/// The CustomResourceDefinition as YAML, as it is committed under `crds/`.
///
/// # Errors
/// When the definition cannot be written as YAML.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&definition())
}

fn remove_nullable(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        remove_nullable(property);
    }
    match schema.items.as_mut() {
        Some(JSONSchemaPropsOrArray::Schema(item)) => remove_nullable(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(remove_nullable),
        None => {}
    }
}
