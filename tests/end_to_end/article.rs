//! Microsoft's article "Back up PostgreSQL databases by using the Data Protection REST API", as the operator does it on the
//! article's own api-version: the same requests, in the same order, with the same bodies.
//!
//! Slips and placeholders in the article that are allowed for:
//!
//! - The subscription is `xxxxxxxx-…`, in URLs with 13 characters at its end, in bodies with 12.
//! - The vault's resource group is `TestBkpVaultRG` in URLs and `testBkpVaultRG` in the policy's id.
//! - The location is `westUS` in bodies; Azure takes `westus` as the same.
//! - The body of the PUT has a brace too many, so that `objectType` stands outside of `properties`.
//! - The URL of the DELETE stands in quotes and without a host.
//! - The order of an object's members means nothing.

use azure_emulator::Kind;
use kube::api::{DeleteParams, Patch, PatchParams};
use postgres_backup_operator::api::annotations;
use serde_json::{Value, json};

use crate::stage::{Stage, single_server_database};

const ARTICLE: &str = include_str!("../vectors/azure/article-2021-01-01.md");
const INSTANCE: &str = "testpostgresql-empdb11-957d23b1-c679-4c94-ade6-c4d34635e149";

/// What the article and the operator may spell differently, spelled alike.
fn alike(text: &str) -> String {
    text.replace("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxx", "11111111-1111-4111-8111-111111111111")
        .replace("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "11111111-1111-4111-8111-111111111111")
        .replace("testBkpVaultRG", "TestBkpVaultRG")
        .replace("westUS", "westus")
}

/// The article's example requests: those whose URL has no `{placeholder}`, without the host.
fn urls(method: &str) -> Vec<String> {
    let lines = ARTICLE.lines().filter_map(|line| line.strip_prefix(method)?.strip_prefix(' '));
    let targets = lines.map(|url| url.trim_matches('"').trim_start_matches("https://management.azure.com"));
    targets.filter(|url| !url.contains('{')).map(alike).collect()
}

/// The JSON blocks of the article that hold `text`.
fn bodies(text: &str) -> Vec<String> {
    let blocks = ARTICLE.split("```json\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.filter(|block| block.contains(text)).map(alike).collect()
}

/// The body of the PUT, with the misplaced brace put right.
fn put_body() -> Value {
    let text = bodies("Microsoft.DataProtection/backupvaults/backupInstances\",\n  \"properties\"").remove(0);
    let text = text
        .replace("    },\n    \"objectType\": \"BackupInstance\"\n  }", "    \"objectType\": \"BackupInstance\"\n  }");
    let text = text.replace(
        "\"policyVersion\": \"\"\n        }\n    \"objectType\"",
        "\"policyVersion\": \"\"\n        },\n    \"objectType\"",
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_article_goes_through_with_its_own_requests() {
    let stage = Stage::new().await.with_args(&["--api-version=2021-01-01"]);
    let operator = stage.operator().await;
    let mut spec = single_server_database();
    spec["backupInstanceName"] = json!(INSTANCE);
    stage.create("empdb11", spec).await;
    let object = stage.until_ready("empdb11", &operator).await;
    let codes: Vec<_> = object.status.as_ref().unwrap().issues.iter().map(|issue| issue.code.as_str()).collect();
    assert_eq!(codes, ["CredentialsNotSent", "TagsNotSent"], "status tells what this api-version cannot carry");
    assert!(operator.log().contains("TagsNotSent"), "and so does the log");
    // The article's api-version does not tell whether a deletion can be undone, so somebody has to confirm it.
    let confirmed = json!({ "metadata": { "annotations": { annotations::ALLOW_IRREVERSIBLE_DELETE: INSTANCE } } });
    stage.api().patch("empdb11", &PatchParams::default(), &Patch::Merge(&confirmed)).await.unwrap();
    stage.api().delete("empdb11", &DeleteParams::default()).await.unwrap();
    stage.waiter("empdb11", &operator).until_gone().await.unwrap();

    let requests = stage.requests();
    let sent = |kind: Kind| -> Vec<_> { requests.iter().filter(|entry| entry.kind == kind).collect() };
    let target = |kind: Kind| -> Vec<String> {
        sent(kind).iter().map(|entry| alike(&format!("{}?{}", entry.path, entry.query))).collect()
    };
    assert_eq!(target(Kind::ValidateForBackup), urls("POST"));
    assert_eq!(target(Kind::PutInstance), urls("PUT"));
    assert_eq!(target(Kind::DeleteInstance), urls("DELETE"));
    let polled = "/providers/Microsoft.DataProtection/locations/westus/operationStatus/";
    assert!(urls("GET").iter().all(|url| url.contains(polled)), "{:?}", urls("GET"));
    assert!(target(Kind::Poll).iter().all(|url| url.contains(polled)), "{:?}", target(Kind::Poll));

    let body = |kind: Kind| sent(kind)[0].request_body.clone().unwrap();
    let validated: Value = serde_json::from_str(&bodies("\"backupInstance\": {")[0]).unwrap();
    assert_eq!(alike(&body(Kind::ValidateForBackup).to_string()), validated.to_string());
    assert_eq!(alike(&body(Kind::PutInstance).to_string()), put_body().to_string());
}
