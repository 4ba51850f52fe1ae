#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lifecycle;
mod list;
mod operations;
mod recording;

use super::*;
use crate::azure::class::ErrorClass;
use crate::azure::error::Delivery;
use crate::azure::model::{OwnerTag, ProtectionState};
use crate::azure::operation_path::OperationPath;
use crate::azure::testing::{
    DATABASE, FakeAzure, Reply, VAULT, arm, empty, instance, json, permit_for, protection, vault,
};
use crate::azure::{ArmOptions, ServiceError};
use recording::Recording;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const ARTICLE: &str = include_str!("../../../tests/vectors/azure/article-2021-01-01.md");
const DELETE: &str = include_str!("../../../tests/vectors/azure/vault-and-delete.json");
const FLEXIBLE: &str = include_str!("../../../tests/vectors/azure/flexible-server.json");

fn request() -> InstanceRequest {
    InstanceRequest {
        friendly_name: "empdb11".to_owned(),
        datasource: DATABASE.parse().unwrap(),
        location: "westUS".to_owned(),
        policy: vault().policy(&"osspol3".parse().unwrap()),
        secret: None,
        identity: None,
        owner: OwnerTag { name: "pgbackup-owner".to_owned(), value: "x".to_owned() },
    }
}

fn arm_url(path: &str) -> String {
    format!("https://management.azure.com{path}")
}

fn accepted(status: u16, path: &str) -> Reply {
    empty(status, &[("azure-asyncoperation", &arm_url(path)), ("retry-after", "15")])
}

fn running(path: &str) -> RunningOperation {
    let path = OperationPath::parse_stored(path, vault().subscription()).unwrap();
    RunningOperation::new(path, Duration::from_secs(15))
}

/// The article's example requests, `METHOD URL`, and its answers, which follow them.
///
/// Its slips, none of which matters here: URLs have 13 characters in the last group of the subscription where bodies have 12;
/// the vault's resource group is `TestBkpVaultRG` in URLs and `testBkpVaultRG` in bodies; the URL of the DELETE stands in
/// quotes and without a host; the pattern (not the example) of the PUT lacks `backupVaults/`.
fn article_urls(method: &str) -> Vec<String> {
    let lines = ARTICLE.lines().filter_map(|line| line.strip_prefix(&format!("{method} ")));
    let urls = lines.map(|url| url.trim_matches('"')).filter(|url| !url.contains('{'));
    urls.map(|url| if url.starts_with('/') { arm_url(url) } else { url.to_owned() }).collect()
}

/// The values of a header in the article.
fn article_header(name: &str) -> Vec<&'static str> {
    ARTICLE.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}

fn first_of(version: ApiVersion, azure: &Arc<FakeAzure>, vault: &VaultId) -> DataProtection {
    DataProtection::new(arm(azure, ArmOptions::default()), version, permit_for(vault))
}

#[tokio::test]
async fn the_sequence_of_the_article() {
    let instance: BackupInstanceId = {
        let url = article_urls("PUT")[0].clone();
        let id = url.strip_prefix("https://management.azure.com").unwrap().split('?').next().unwrap();
        id.parse().unwrap()
    };
    let vault = instance.vault().clone();
    let status = article_header("Azure-AsyncOperation");
    let results = article_header("Location");
    let waits = article_header("Retry-After");
    let [validating, creating, deleting] = [0, 1, 2].map(|n| (status[n], waits[n]));
    let answer = |code, (url, wait): (&str, &str), location: &str| {
        empty(code, &[("azure-asyncoperation", url), ("retry-after", wait), ("location", location)])
    };
    let succeeded = || json(200, json!({ "status": "Succeeded", "endTime": "2021-07-07T13:04:06Z" }));
    let azure = FakeAzure::new([
        answer(202, validating, results[0]),
        json(200, json!({ "status": "Inprogress", "endTime": "0001-01-01T00:00:00" })),
        succeeded(),
        answer(201, creating, ""),
        succeeded(),
        answer(202, deleting, results[1]),
        succeeded(),
    ]);
    let client = first_of(ApiVersion::V2021_01_01, &azure, &vault);

    let follow = async |started: Result<Started, AzureError>, wait: u64, url: &str| {
        let Ok(Started::Running(operation)) = started else { panic!("{started:?}") };
        assert_eq!(operation.poll_after(), Duration::from_secs(wait));
        assert_eq!(arm_url(operation.path().as_str()), url);
        operation
    };
    let started = client.validate_for_backup(&vault, &request()).await;
    let operation = follow(started, 10, validating.0).await;
    assert_eq!(client.poll(&vault, &operation).await.unwrap(), OperationState::Running { poll_after: None });
    assert_eq!(client.poll(&vault, &operation).await.unwrap(), OperationState::Succeeded);
    let body = request().resource(instance.name(), ApiVersion::V2021_01_01);
    let operation = follow(client.put_instance(&instance, &body).await, 15, creating.0).await;
    assert_eq!(client.poll(&vault, &operation).await.unwrap(), OperationState::Succeeded);
    let operation = follow(client.delete_instance(&instance).await, 30, deleting.0).await;
    assert_eq!(client.poll(&vault, &operation).await.unwrap(), OperationState::Succeeded);

    let sent = azure.sent();
    let urls = |method: Method| -> Vec<String> {
        sent.iter().filter(|sent| sent.method == method).map(|sent| sent.url.clone()).collect()
    };
    assert_eq!(urls(Method::Post), article_urls("POST"));
    assert_eq!(urls(Method::Put), article_urls("PUT"));
    assert_eq!(urls(Method::Delete), article_urls("DELETE"));
    assert!(urls(Method::Get).iter().all(|url| article_urls("GET").contains(url)));
    assert_eq!(sent[0].body, Some(request().validation(ApiVersion::V2021_01_01)));
}

#[tokio::test]
async fn a_recorded_delete_until_the_instance_is_gone() {
    let recording = Recording::of(DELETE).from(1);
    let (azure, instance) = (recording.azure(), recording.instance());
    let client = first_of(ApiVersion::V2023_11_01, &azure, instance.vault());

    let Started::Running(operation) = client.delete_instance(&instance).await.unwrap() else { panic!() };
    assert_eq!(operation.poll_after(), Duration::from_secs(30));
    let vault = instance.vault();
    assert!(matches!(client.poll(vault, &operation).await.unwrap(), OperationState::Running { .. }));
    assert_eq!(client.poll(vault, &operation).await.unwrap(), OperationState::Succeeded);
    assert_eq!(client.instance(&instance).await.unwrap(), None);
    recording.assert_replayed(&azure);
}

#[tokio::test]
async fn an_instance_is_read() {
    let recording: Value = serde_json::from_str(FLEXIBLE).unwrap();
    let body = recording["interactions"][8]["response"]["body"].clone();
    let azure = FakeAzure::new([json(200, body)]);
    let found = protection(&azure).instance(&instance()).await.unwrap().unwrap();
    assert_eq!(found.protection_state, ProtectionState::ProtectionConfigured);
    assert_eq!(azure.sent()[0].url, arm_url(&format!("{}?api-version=2026-03-01", instance())));
}

#[tokio::test]
async fn only_the_providers_own_404_means_that_there_is_no_instance() {
    let not_found = |code: &str| json(404, json!({ "error": { "code": code, "message": "Not there." } }));
    let codes =
        ["ResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound", "UserErrorGenericResourceNotFound"];
    for code in codes {
        let azure = FakeAzure::new([not_found(code), not_found(code)]);
        let client = protection(&azure);
        let missing = code == "UserErrorGenericResourceNotFound";
        match client.instance(&instance()).await {
            Ok(found) => assert!(missing && found.is_none(), "{code}"),
            Err(error) => assert!(!missing && error.is_gone() == (code != "SubscriptionNotFound"), "{code}"),
        }
        assert_eq!(client.delete_instance(&instance()).await.is_ok(), missing, "{code}");
    }
    let bare = FakeAzure::new([empty(404, &[])]);
    let error = protection(&bare).instance(&instance()).await.unwrap_err();
    assert_eq!((error.is_gone(), error.class()), (false, ErrorClass::Prerequisite));
}

#[tokio::test]
async fn answers_that_make_no_sense_are_errors() {
    let nonsense = || [json(200, json!({})), json(200, json!("x")), empty(200, &[])];
    for reply in nonsense() {
        let error = protection(&FakeAzure::new([reply])).vault(&vault()).await.unwrap_err();
        assert_eq!((error.class(), error.delivery()), (ErrorClass::Transient, Delivery::Unknown), "{error}");
    }
    for reply in nonsense() {
        assert!(protection(&FakeAzure::new([reply])).instance(&instance()).await.is_err());
    }
}
