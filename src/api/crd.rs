//! The CustomResourceDefinitions, as generated from the types and completed with what their schema cannot say.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::json;

use super::{PostgresBackup, PostgresBackupGrant};

/// The kinds of resources that the operator defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PostgresBackup`.
    Backup,
    /// `PostgresBackupGrant`.
    Grant,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Backup, Self::Grant];

    /// The kind, as manifests name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "PostgresBackup",
            Self::Grant => "PostgresBackupGrant",
        }
    }

    /// The plural, by which kubectl and the names of files call it.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Backup => "postgresbackups",
            Self::Grant => "postgresbackupgrants",
        }
    }
}

/// The CustomResourceDefinition of a kind.
///
/// Two things are added to the derived schema: `status` defaults to `observedGeneration: -1`, so that a new object
/// never looks finished to kstatus before the operator has seen it; and optional fields are not `nullable`, as is
/// usual in Kubernetes.
#[must_use]
pub fn definition(kind: Kind) -> CustomResourceDefinition {
    let mut crd = match kind {
        Kind::Backup => PostgresBackup::crd(),
        Kind::Grant => PostgresBackupGrant::crd(),
    };
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

/// The CustomResourceDefinition of a kind as YAML, as it is committed under `crds/`.
///
/// # Errors
/// When the definition cannot be written as YAML.
pub fn yaml_of(kind: Kind) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&definition(kind))
}

/// All CustomResourceDefinitions as one YAML stream.
///
/// # Errors
/// When a definition cannot be written as YAML.
pub fn yaml() -> Result<String, serde_saphyr::ser::Error> {
    let documents: Result<Vec<_>, _> = Kind::ALL.into_iter().map(yaml_of).collect();
    Ok(documents?.join("---\n"))
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
