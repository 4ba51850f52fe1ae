//! What is done with input that nobody can trust: one function for each kind, which ends quietly whatever it is given, and
//! panics when the code under test does, or breaks a promise. `cargo fuzz` and `make test` call the same functions.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

mod answer;

pub use answer::answer;

use postgres_backup_operator::api::PostgresBackup;
use postgres_backup_operator::azure::{
    ApiVersion, Cloud, DatabaseScope, DatasourceId, DeletedInstance, Instance, InstanceRequest, KeyVaultHost, NextPage,
    OperationPath, PolicyId, ProtectionState, ResourceId, SecretUri, ServiceError, UserAssignedIdentityId, Vault,
    VaultId, VaultScope, parse_retry_after,
};
use postgres_backup_operator::reconcile::plan::drift;
use postgres_backup_operator::reconcile::validate::{Desired, Key, Target};
use serde_json::{Value, json};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;
use url::Url;

/// The vault that the corpus is about.
pub const VAULT: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/backup/\
                         providers/Microsoft.DataProtection/backupVaults/team-vault";

/// The database that the corpus is about.
pub const DATABASE: &str = "/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/resourceGroups/data/\
                            providers/Microsoft.DBforPostgreSQL/flexibleServers/orders";

/// A target by its name, which is also that of its part of the corpus.
pub type Named = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: [Named; 10] = [
    ("answer", answer),
    ("error_body", error_body),
    ("instance_body", instance_body),
    ("object", object),
    ("page_link", page_link),
    ("poll_path", poll_path),
    ("poll_url", poll_url),
    ("resource_id", resource_id),
    ("retry_after", retry_after),
    ("secret_uri", secret_uri),
];

fn vault() -> VaultId {
    VAULT.parse().unwrap()
}

/// Resource ids: from specifications, grants, and Azure's answers.
pub fn resource_id(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(id) = text.parse::<ResourceId>() {
        stays_on_its_path(&id.path());
        same_again(&id);
    }
    if let Ok(vault) = text.parse::<VaultId>() {
        stays_on_its_path(&vault.path());
        same_again(&vault);
    }
    if let Ok(database) = DatasourceId::parse(text) {
        same_again(&database);
        stays_on_its_path(&database.server().path());
    }
    let _ = text.parse::<PolicyId>().map(|id| same_again(&id));
    let _ = text.parse::<UserAssignedIdentityId>().map(|id| same_again(&id));
    let _ = text.parse::<VaultScope>().map(|scope| scope.contains(&vault()));
    let _ = text.parse::<DatabaseScope>().map(|scope| scope.contains(&DATABASE.parse().unwrap()));
    let _ = text.parse::<KeyVaultHost>();
}

/// What is printed parses as the same.
fn same_again<T: FromStr + Display + PartialEq>(id: &T) {
    assert!(id.to_string().parse::<T>().is_ok_and(|again| again == *id), "{id}");
}

/// A path is sent exactly as it was put together, and has no query.
fn stays_on_its_path(path: &str) {
    let url = Url::parse(&format!("https://arm{path}")).unwrap();
    assert_eq!((url.path(), url.query(), url.fragment()), (path, None, None));
}

/// The URI of a Key Vault secret.
pub fn secret_uri(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(secret) = text.parse::<SecretUri>() else { return };
    let url = Url::parse(text.trim()).unwrap();
    assert_eq!(url.scheme(), "https");
    assert!(url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(secret.host())), "{text}");
    assert!(url.username().is_empty() && url.password().is_none() && url.port().is_none(), "{text}");
    assert!(url.query().is_none() && url.fragment().is_none(), "{text}");
    let _ = secret.belongs_to(&Cloud::public());
}

/// `Retry-After`.
pub fn retry_after(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Some(wait) = parse_retry_after(text) {
        assert!(wait <= Duration::from_secs(u64::from(u32::MAX)) && wait.subsec_nanos() == 0, "{text} {wait:?}");
    }
}

/// `Azure-AsyncOperation` and `Location`.
pub fn poll_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let cloud = Cloud::public();
    let Ok(path) = OperationPath::from_url(text, &cloud, vault().subscription()) else { return };
    let url = Url::parse(text).unwrap();
    assert_eq!(url.origin().ascii_serialization(), cloud.arm_endpoint());
    is_an_operation(&path);
}

/// The path of an operation from the status of an object, which others may be able to write.
pub fn poll_path(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(path) = OperationPath::parse_stored(text, vault().subscription()) else { return };
    assert_eq!(path.as_str(), text);
    is_an_operation(&path);
}

/// It is sent as it is, to an operation of Data Protection in the vault's subscription and to nothing else.
fn is_an_operation(path: &OperationPath) {
    let cloud = Cloud::public();
    let sent = Url::parse(&format!("{}{}", cloud.arm_endpoint(), path.as_str())).unwrap();
    assert_eq!(sent.as_str(), format!("{}{}", cloud.arm_endpoint(), path.as_str()));
    let folded = sent.path().to_ascii_lowercase();
    assert!(folded.starts_with("/subscriptions/7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11/"), "{folded}");
    assert!(folded.contains("/providers/microsoft.dataprotection/"), "{folded}");
    let kind = folded.rsplit('/').nth(1).unwrap();
    assert!(matches!(kind, "operationstatus" | "operationresults"), "{folded}");
    assert_eq!(OperationPath::parse_stored(path.as_str(), vault().subscription()).as_ref(), Ok(path));
    let _ = path.may_belong_to(&vault());
    assert!(!format!("{path:?}").contains('?'), "the query is signed and not shown");
}

/// `nextLink`.
pub fn page_link(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let cloud = Cloud::public();
    let Ok(next) = NextPage::from_link(text, &cloud, &vault()) else { return };
    assert_eq!(next.vault(), &vault());
    let url = Url::parse(text.trim()).unwrap();
    assert_eq!(url.origin().ascii_serialization(), cloud.arm_endpoint());
}

/// The body of an error, of a failed operation, of `protectionErrorDetails`.
pub fn error_body(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    let Some(error) = ServiceError::decode(&value) else { return };
    let _ = (error.class(), error.to_string());
    let texts = [Some(&error.message), Some(&error.code), error.detail.as_ref(), error.target.as_ref()];
    for text in texts.into_iter().flatten().chain(&error.recommended_actions).chain(error.activity_id.as_ref()) {
        assert!(text.chars().count() <= 4_096 && !text.chars().any(char::is_control), "{text:?}");
    }
    assert!(error.recommended_actions.len() <= 10);
}

/// The body of a backup instance, of a deleted one, and of a vault: compared, and merged into a PUT.
pub fn instance_body(data: &[u8]) {
    let Ok(raw) = serde_json::from_slice::<Value>(data) else { return };
    let desired = desired(&backup(json!({}))).unwrap();
    let version = ApiVersion::default();
    let request = desired.request(&Vault::parse(&json!({ "location": "westeurope" })).unwrap());
    let _ = DeletedInstance::parse(raw.clone());
    if let Some(vault) = Vault::parse(&raw) {
        let _ = (vault.delete_is_reversible(version), desired.hash(&desired.request(&vault), version));
    }
    let Some(instance) = Instance::parse(raw.clone()) else { return };
    let _ = (instance.datasource(), instance.policy(), instance.secret(), instance.identity(), format!("{instance:?}"));
    if let ProtectionState::Unknown(_) = instance.protection_state {
        assert!(
            !drift::is_at_rest(&instance.protection_state),
            "an unknown state is never taken for one that is known"
        );
    }
    settles(&desired, &request, &raw, version);
}

/// What a PUT merges into an instance leaves nothing to correct: otherwise every look would be followed by a PUT.
fn settles(desired: &Desired, request: &InstanceRequest, raw: &Value, version: ApiVersion) {
    let mut merged = request.merged_into(raw, version);
    merged["name"] = json!(desired.target.instance.name().as_str());
    let merged = Instance::parse(merged).expect("what is sent has properties");
    let left = drift::compare(desired, &merged, version);
    assert!(left.is_empty(), "{left:?} of {raw}");
}

/// A PostgresBackup as the API server might store it, whatever the CustomResourceDefinition lets in.
pub fn object(data: &[u8]) {
    let Ok(spec) = serde_json::from_slice::<Value>(data) else { return };
    let Some(object) = readable(spec) else { return };
    let Some(desired) = desired(&object) else { return };
    assert!(desired.target.owner.value.chars().count() <= 256, "longer than a tag may be");
    stays_on_its_path(&desired.target.instance.path());
    let _ = desired.target.database_label();
}

fn desired(object: &PostgresBackup) -> Option<Desired> {
    let target = Target::parse(object, &Key::of(object).ok()?, "cluster").ok()?;
    Desired::parse(object, target, &Cloud::public()).ok()
}

/// `shop/orders` with `spec` laid over its specification.
fn backup(spec: Value) -> PostgresBackup {
    readable(spec).expect("it is one")
}

fn readable(spec: Value) -> Option<PostgresBackup> {
    let mut object = json!({
        "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
        "metadata": { "namespace": "shop", "name": "orders", "uid": "4b1c", "generation": 1, "resourceVersion": "7" },
        "spec": {
            "database": { "resourceId": DATABASE }, "vault": { "resourceId": VAULT }, "policy": { "name": "weekly" },
        },
    });
    for (field, value) in spec.as_object()? {
        object["spec"][field] = value.clone();
    }
    serde_json::from_value(object).ok()
}
