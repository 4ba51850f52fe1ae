#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;

use super::*;
use crate::azure::class::ErrorClass;
use crate::azure::testing::{self, CANARY, FakeAzure, Reply, json};
use azure_core::error::ErrorKind;
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::Ordering;

fn from_env(kind: CredentialKind, set: &[(&str, &str)]) -> Result<CredentialConfig, String> {
    let set: HashMap<&str, &str> = set.iter().copied().collect();
    CredentialConfig::from_env(kind, |name| set.get(name).map(|value| (*value).to_owned())).map_err(|e| e.to_string())
}

#[test]
fn the_environment_decides_which_credential_is_used() {
    use CredentialKind::{Auto, AzureCli, ClientSecret, ManagedIdentity, WorkloadIdentity};
    let client = ("AZURE_CLIENT_ID", "client");
    let tenant = ("AZURE_TENANT_ID", "tenant");
    let file = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
    let secret = ("AZURE_CLIENT_SECRET", CANARY);
    let endpoint = ("IDENTITY_ENDPOINT", "http://127.0.0.1/");
    let msi = ("MSI_ENDPOINT", "http://127.0.0.1/");
    type Case<'a> = (CredentialKind, &'a [(&'a str, &'a str)], Result<CredentialKind, &'a str>);
    let cases: [Case<'_>; 16] = [
        (Auto, &[client, tenant, file], Ok(WorkloadIdentity)),
        (Auto, &[client, tenant, file, secret, endpoint], Ok(WorkloadIdentity)),
        (Auto, &[client, tenant, secret], Ok(ClientSecret)),
        (Auto, &[client, tenant, secret, endpoint], Ok(ClientSecret)),
        (Auto, &[endpoint], Ok(ManagedIdentity)),
        (Auto, &[msi, client], Ok(ManagedIdentity)),
        (Auto, &[], Err("no Azure credential found")),
        (Auto, &[client, tenant], Err("no Azure credential found")),
        (Auto, &[("AZURE_CLIENT_SECRET", " "), ("IDENTITY_ENDPOINT", "")], Err("no Azure credential found")),
        (Auto, &[file, endpoint], Err("workload-identity needs AZURE_TENANT_ID and AZURE_CLIENT_ID, which")),
        (Auto, &[secret, tenant], Err("client-secret needs AZURE_CLIENT_ID, which is not set")),
        (WorkloadIdentity, &[tenant, client], Err("workload-identity needs AZURE_FEDERATED_TOKEN_FILE, which")),
        (ClientSecret, &[], Err("AZURE_TENANT_ID and AZURE_CLIENT_ID and AZURE_CLIENT_SECRET")),
        (ManagedIdentity, &[], Ok(ManagedIdentity)),
        (AzureCli, &[], Ok(AzureCli)),
        (ClientSecret, &[client, tenant, secret, file], Ok(ClientSecret)),
    ];
    for (kind, set, expected) in cases {
        match (from_env(kind, set), expected) {
            (Ok(config), Ok(kind)) => assert_eq!(config.kind(), kind, "{set:?}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, expected) => panic!("{kind} with {set:?} gave {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_managed_identity_may_be_one_of_several() {
    let config = from_env(CredentialKind::ManagedIdentity, &[("AZURE_CLIENT_ID", "client")]);
    assert_eq!(config, Ok(CredentialConfig::ManagedIdentity { client_id: Some("client".to_owned()) }));
}

#[test]
fn kinds_by_name() {
    for kind in CredentialKind::ALL {
        assert_eq!(kind.to_string().parse::<CredentialKind>().unwrap(), kind);
    }
    let error = "kerberos".parse::<CredentialKind>().unwrap_err().to_string();
    assert!(error.ends_with("auto, workload-identity, managed-identity, client-secret, azure-cli"), "{error}");
}

fn client_secret() -> CredentialConfig {
    CredentialConfig::ClientSecret {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        secret: Secret::new(CANARY),
    }
}

fn token(text: &str) -> Reply {
    json(200, json!({ "access_token": text, "expires_in": 3600, "token_type": "Bearer" }))
}

#[tokio::test]
async fn a_workload_identity_signs_in_at_the_authority_of_the_cloud() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"assertion").unwrap();
    let config = CredentialConfig::WorkloadIdentity {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        token_file: file.path().to_owned(),
    };
    let azure = FakeAzure::new([token("one"), token("two")]);
    let credential = Credential::new(config, &Cloud::us_government(), azure.clone()).unwrap();
    let first = credential.token().await.unwrap();
    assert_eq!(first.secret.secret(), "one");
    assert_eq!(credential.token().await.unwrap().secret.secret(), "one", "from the cache");
    assert!(credential.replace(first.generation));
    assert_eq!(credential.token().await.unwrap().secret.secret(), "two");
    let urls: Vec<String> = azure.sent().into_iter().map(|sent| sent.url).collect();
    assert_eq!(urls, ["https://login.microsoftonline.us/tenant/oauth2/v2.0/token"; 2]);
}

#[test]
fn an_unreadable_token_file_is_named() {
    let config = CredentialConfig::WorkloadIdentity {
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        token_file: "/nowhere/token".into(),
    };
    let error = Credential::new(config, &Cloud::public(), FakeAzure::new([])).unwrap_err();
    assert!(error.to_string().contains("/nowhere/token"), "{error}");
    assert!(matches!(error, CredentialError::Unusable { kind: CredentialKind::WorkloadIdentity, .. }));
}

#[tokio::test]
async fn a_refusal_is_reported_without_what_differs_each_time() {
    let description = "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2 Timestamp: 3";
    let refusal = json(401, json!({ "error_codes": [7000215], "error_description": description }));
    let credential = Credential::new(client_secret(), &Cloud::public(), FakeAzure::new([refusal])).unwrap();
    let error = credential.check().await.unwrap_err();
    let CredentialError::Refused { message, .. } = &error else { panic!("{error:?}") };
    assert!(message.ends_with("AADSTS7000215: Invalid client secret provided."), "{message}");
    assert_eq!(error.class(), ErrorClass::Permission);
    assert!(!format!("{error:?} {error}").contains(CANARY));
}

#[tokio::test]
async fn an_answer_without_a_token_is_none() {
    let azure = FakeAzure::new([json(200, json!({}))]);
    let credential = Credential::new(client_secret(), &Cloud::public(), azure).unwrap();
    assert!(matches!(credential.check().await, Err(CredentialError::NoToken)));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_long() {
    let hang = FakeAzure::new([Reply::Hang]);
    let credential = Credential::new(client_secret(), &Cloud::public(), hang).unwrap();
    let started = Instant::now();
    assert!(matches!(credential.check().await, Err(CredentialError::Timeout { .. })));
    assert_eq!(started.elapsed(), TOKEN_TIMEOUT);

    let down = FakeAzure::new([0, 1, 2].map(|_| Reply::Fail(ErrorKind::Io)));
    let credential = Credential::new(client_secret(), &Cloud::public(), down.clone()).unwrap();
    let error = credential.check().await.unwrap_err();
    assert!(matches!(error, CredentialError::Unreachable { .. }), "{error:?}");
    assert_eq!((error.class(), down.sent().len()), (ErrorClass::Transient, 3));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_at_most_once_in_thirty_seconds() {
    let (credential, built) = testing::credential();
    let first = credential.token().await.unwrap().generation;
    assert!(credential.replace(first));
    assert!(credential.replace(first), "others that had the old token use the new one");
    assert_eq!(built.load(Ordering::SeqCst), 2);

    let second = credential.token().await.unwrap().generation;
    assert!(!credential.replace(second));
    tokio::time::advance(REBUILD_INTERVAL).await;
    assert!(credential.replace(second));
    assert_eq!(built.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_replacement_that_cannot_be_built_leaves_the_old_one() {
    let built = std::sync::atomic::AtomicUsize::new(0);
    let credential = Credential::from_builder(&Cloud::public(), move || {
        if built.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(CredentialError::NothingFound);
        }
        client_secret().build("https://login.example", FakeAzure::new([token("one")]))
    })
    .unwrap();
    let token = credential.token().await.unwrap();
    assert!(!credential.replace(token.generation));
    assert_eq!(credential.token().await.unwrap().secret.secret(), "one");
}

#[test]
fn secrets_are_not_printed() {
    let credential = Credential::new(client_secret(), &Cloud::public(), FakeAzure::new([])).unwrap();
    for text in [format!("{:?}", client_secret()), format!("{credential:?}")] {
        assert!(!text.contains(CANARY), "{text}");
    }
}
