//! What a request's body may contain in each api-version: the members of the specification's schemas, as far as
//! PostgreSQL needs them. Whether Azure refuses or ignores a member it does not know is not recorded; refusing it
//! shows a client's mistake.

use serde_json::Value;

use crate::errors::{Failure, FrontDoorError};
use crate::json::ReadError;
use crate::version::{ApiVersion, Feature};

/// A schema: an object's members.
type Schema = [Member];

#[derive(Debug)]
pub(crate) struct Member {
    name: &'static str,
    shape: Shape,
    /// What brought it; `None` when every version has it.
    since: Option<Feature>,
}

#[derive(Debug)]
enum Shape {
    Text,
    Flag,
    Texts,
    /// A map of texts.
    Tags,
    Object(&'static Schema),
    /// Read-only, or for other kinds of datasource: not looked into.
    Anything,
}

const fn always(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, since: None }
}

const fn since(feature: Feature, name: &'static str, shape: Shape) -> Member {
    Member { name, shape, since: Some(feature) }
}

/// `BackupInstanceResource`: the body of a PUT.
pub(crate) const RESOURCE: &Schema = &[
    always("id", Shape::Text),
    always("name", Shape::Text),
    always("type", Shape::Text),
    always("systemData", Shape::Anything),
    always("properties", Shape::Object(INSTANCE)),
    since(Feature::Tags, "tags", Shape::Tags),
];

/// `ValidateForBackupRequest` and `ValidateForModifyBackupRequest`.
pub(crate) const VALIDATE: &Schema = &[always("backupInstance", Shape::Object(INSTANCE))];

/// `StopProtectionRequest`, `SuspendBackupRequest` and the newest `ResumeProtectionRequest`.
pub(crate) const STOP: &Schema =
    &[since(Feature::ResourceGuardRequests, "resourceGuardOperationRequests", Shape::Texts)];

/// `SyncBackupInstanceRequest`.
pub(crate) const SYNC: &Schema = &[always("syncType", Shape::Text)];

/// `UnlockDeleteRequest`.
pub(crate) const UNLOCK_DELETE: &Schema =
    &[always("resourceGuardOperationRequests", Shape::Texts), always("resourceToBeDeleted", Shape::Text)];

/// `ResourceGuardProxyBaseResource`.
pub(crate) const GUARD_PROXY: &Schema = &[
    always("id", Shape::Text),
    always("name", Shape::Text),
    always("type", Shape::Text),
    always("tags", Shape::Tags),
    always("systemData", Shape::Anything),
    always("properties", Shape::Object(GUARD_PROXY_PROPERTIES)),
];

const GUARD_PROXY_PROPERTIES: &Schema = &[
    always("resourceGuardResourceId", Shape::Text),
    always("resourceGuardOperationDetails", Shape::Anything),
    always("lastUpdatedTime", Shape::Text),
    always("description", Shape::Text),
];

const INSTANCE: &Schema = &[
    always("friendlyName", Shape::Text),
    always("dataSourceInfo", Shape::Object(DATASOURCE)),
    always("dataSourceSetInfo", Shape::Object(DATASOURCE)),
    always("policyInfo", Shape::Object(POLICY)),
    always("protectionStatus", Shape::Anything),
    always("currentProtectionState", Shape::Text),
    always("protectionErrorDetails", Shape::Anything),
    always("provisioningState", Shape::Text),
    always("objectType", Shape::Text),
    since(Feature::Credentials, "datasourceAuthCredentials", Shape::Object(CREDENTIALS)),
    since(Feature::ValidationType, "validationType", Shape::Text),
    since(Feature::IdentityDetails, "identityDetails", Shape::Object(IDENTITY)),
    since(Feature::ResourceGuardRequests, "resourceGuardOperationRequests", Shape::Texts),
];

const DATASOURCE: &Schema = &[
    always("resourceID", Shape::Text),
    always("resourceUri", Shape::Text),
    always("datasourceType", Shape::Text),
    always("resourceName", Shape::Text),
    always("resourceType", Shape::Text),
    always("resourceLocation", Shape::Text),
    always("objectType", Shape::Text),
    since(Feature::ResourceProperties, "resourceProperties", Shape::Object(&[always("objectType", Shape::Text)])),
];

const POLICY: &Schema = &[
    always("policyId", Shape::Text),
    always("policyVersion", Shape::Text),
    always("policyParameters", Shape::Object(POLICY_PARAMETERS)),
];

const POLICY_PARAMETERS: &Schema = &[
    always("dataStoreParametersList", Shape::Anything),
    since(Feature::BackupDatasourceParameters, "backupDatasourceParametersList", Shape::Anything),
];

const CREDENTIALS: &Schema = &[always("objectType", Shape::Text), always("secretStoreResource", Shape::Object(SECRET))];

const SECRET: &Schema =
    &[always("uri", Shape::Text), always("value", Shape::Text), always("secretStoreType", Shape::Text)];

const IDENTITY: &Schema =
    &[always("useSystemAssignedIdentity", Shape::Flag), always("userAssignedIdentityArmUrl", Shape::Text)];

/// Compares a body with its schema. Members that are null are absent.
pub(crate) fn check(body: &Value, schema: &Schema, version: ApiVersion) -> Result<(), Failure> {
    object(body, schema, version, "")
}

fn object(value: &Value, schema: &Schema, version: ApiVersion, path: &str) -> Result<(), Failure> {
    let members = value.as_object().ok_or_else(|| wrong_type(path, "object"))?;
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let known = schema
            .iter()
            .find(|member| member.name.eq_ignore_ascii_case(name))
            .filter(|member| member.since.is_none_or(|feature| version.has(feature)));
        let Some(member) = known else {
            return Err(FrontDoorError::bad_request(
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: 'Could not find member '{name}' in api-version '{version}'. Path '{path}'.'."
                ),
            )
            .into());
        };
        let fits = match &member.shape {
            Shape::Text => value.is_string().then_some(()).ok_or("string"),
            Shape::Flag => value.is_boolean().then_some(()).ok_or("boolean"),
            Shape::Texts => all_texts(value.as_array().map(|texts| texts.iter())).ok_or("list of strings"),
            Shape::Tags => all_texts(value.as_object().map(|tags| tags.values())).ok_or("map of strings"),
            Shape::Anything => Ok(()),
            Shape::Object(schema) => {
                object(value, schema, version, &path)?;
                Ok(())
            }
        };
        fits.map_err(|expected| wrong_type(&path, expected))?;
    }
    Ok(())
}

fn all_texts<'a>(mut values: Option<impl Iterator<Item = &'a Value>>) -> Option<()> {
    values.as_mut()?.all(Value::is_string).then_some(())
}

fn wrong_type(path: &str, expected: &'static str) -> Failure {
    ReadError::Type { path: path.to_owned(), expected }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn accepts(schema: &Schema, version: &str, body: &Value) -> bool {
        check(body, schema, ApiVersion::parse(version).unwrap()).is_ok()
    }

    /// The names of the members are those of Microsoft's specification, where it was at hand.
    #[test]
    fn the_members_are_those_of_the_specification() {
        let specified: Value = serde_json::from_str(include_str!("../vectors/schemas/members.json")).unwrap();
        let schemas = [
            ("BackupInstanceResource", RESOURCE),
            ("BackupInstance", INSTANCE),
            ("Datasource", DATASOURCE),
            ("DatasourceSet", DATASOURCE),
            ("PolicyInfo", POLICY),
            ("PolicyParameters", POLICY_PARAMETERS),
            ("SecretStoreBasedAuthCredentials", CREDENTIALS),
            ("SecretStoreResource", SECRET),
            ("IdentityDetails", IDENTITY),
            ("ValidateForBackupRequest", VALIDATE),
            ("StopProtectionRequest", STOP),
            ("SuspendBackupRequest", STOP),
            ("SyncBackupInstanceRequest", SYNC),
            ("UnlockDeleteRequest", UNLOCK_DELETE),
            ("ResourceGuardProxyBase", GUARD_PROXY_PROPERTIES),
        ];
        let mut compared = 0;
        for (version, types) in specified.as_object().unwrap() {
            let parsed = ApiVersion::parse(version).unwrap();
            for (name, schema) in schemas {
                let Some(specified) = types.get(name) else { continue };
                let known = schema.iter().filter(|member| member.since.is_none_or(|feature| parsed.has(feature)));
                let mut known: Vec<&str> = known.map(|member| member.name).collect();
                known.sort_unstable();
                assert_eq!(json!(known), *specified, "{name} in {version}");
                compared += 1;
            }
        }
        assert_eq!(compared, 67, "7 types in 2021-01-01, 15 in each later one");
    }

    #[test]
    fn a_member_is_known_from_its_version_on() {
        let in_instance = |path: &str, value: Value| {
            let wrap = |inner, name: &str| json!({ name: inner });
            wrap(path.rsplit('.').fold(value, wrap), "properties")
        };
        let table = [
            ("datasourceAuthCredentials.secretStoreResource.uri", json!("x"), "2021-01-01", "2021-07-01"),
            ("validationType", json!("DeepValidation"), "2021-07-01", "2022-01-01"),
            ("policyInfo.policyParameters.backupDatasourceParametersList", json!([]), "2022-12-01", "2023-01-01"),
            ("dataSourceInfo.resourceProperties.objectType", json!("x"), "2023-01-01", "2023-05-01"),
            ("identityDetails.useSystemAssignedIdentity", json!(true), "2023-01-01", "2023-05-01"),
            ("resourceGuardOperationRequests", json!(["x"]), "2024-03-01", "2024-04-01"),
        ];
        for (path, value, before, first) in table {
            let body = in_instance(path, value);
            assert!(!accepts(RESOURCE, before, &body), "{path} in {before}");
            assert!(accepts(RESOURCE, first, &body), "{path} in {first}");
        }
        let tags = json!({ "tags": { "a": "b" } });
        assert!(!accepts(RESOURCE, "2022-04-01", &tags) && accepts(RESOURCE, "2022-05-01", &tags));
    }

    #[test]
    fn what_no_version_knows_and_other_types_are_refused() {
        for version in ApiVersion::all() {
            let version = version.as_str();
            for body in [
                json!([]),
                json!({ "etag": "x" }),
                json!({ "properties": { "policy": "x" } }),
                json!({ "properties": { "dataSourceInfo": { "resourceID": 1 } } }),
                json!({ "properties": { "dataSourceInfo": { "location": "x" } } }),
                json!({ "tags": { "a": 1 } }),
            ] {
                assert!(!accepts(RESOURCE, version, &body), "{body} in {version}");
            }
            let body = json!({ "PROPERTIES": { "datasourceinfo": { "resourceId": "x" }, "nonsense": null } });
            assert!(accepts(RESOURCE, version, &body), "any casing, null is absent: {version}");
        }
    }
}
