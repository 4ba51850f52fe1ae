//! Replays recordings of the real service: the recorded requests are sent to the emulator, and every answer must be
//! the recorded one. Only what cannot be the same is normalised: operation ids, times, signatures, activity ids and the
//! count in a rate-limit header. [`ACCEPTED`] lists the differences that remain, with the reason.
//!
//! A recorded poll that shows a later state than the emulator is repeated while time is moved on second by second; one
//! that shows an earlier state fails. So the order of states is compared, and that each is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;

use azure_emulator::{Response, SoftDeleteState, World};
use http::Method;
use serde_json::{Map, Value, json};

use crate::common::{DATABASE, FLEXIBLE_SERVER, Run, datasource, grant, key_vault, vault};

/// Headers that Azure Resource Manager adds to every answer. The recorders took them out.
const UNRECORDED: [&str; 10] = [
    "cache-control",
    "date",
    "expires",
    "pragma",
    "strict-transport-security",
    "x-content-type-options",
    "x-ms-correlation-request-id",
    "x-ms-failure-cause",
    "x-ms-request-id",
    "x-ms-routing-request-id",
];

/// A difference that is not a fault of the emulator.
struct Accepted {
    /// The recording.
    recording: &'static str,
    /// The header it is in.
    header: &'static str,
    reason: &'static str,
}

const ACCEPTED: [Accepted; 6] = [
    Accepted {
        recording: "cli-pgflex-backup-and-restore",
        header: "retry-after",
        reason: "the recorder of the Azure CLI files took Retry-After out; the article and the ASO file have it",
    },
    Accepted { recording: "cli-pg-single-server-backup-and-restore", header: "retry-after", reason: "as above" },
    Accepted { recording: "cli-change-policy", header: "retry-after", reason: "as above" },
    Accepted { recording: "cli-softdelete-undelete", header: "retry-after", reason: "as above" },
    Accepted {
        recording: "cli-pg-single-server-backup-and-restore",
        header: "content-type",
        reason: "recorded in February 2024, when answers had no charset yet; all later recordings have one",
    },
    Accepted {
        recording: "cli-pg-single-server-backup-and-restore",
        header: "azure-asyncoperation of operationResults",
        reason: "recorded in February 2024, when this URL was not signed yet; in June 2024 it was",
    },
];

fn accepted(recording: &str, header: &str) -> bool {
    ACCEPTED.iter().any(|difference| {
        assert!(!difference.reason.is_empty());
        difference.recording == recording && difference.header == header
    })
}

struct Player {
    name: &'static str,
    interactions: Vec<Value>,
    run: Run,
    /// The emulator's URLs for recorded ones, by the recorded path.
    urls: BTreeMap<String, String>,
}

impl Player {
    fn new(name: &'static str, world: World) -> Self {
        let path = format!("{}/vectors/wire-recordings/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let recording: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let interactions = recording["interactions"].as_array().unwrap().clone();
        Self { name, interactions, run: Run::new(world), urls: BTreeMap::new() }
    }

    /// Brings about the instance that a recorded GET shows.
    fn protect(&mut self, recorded_get: usize) {
        let interaction = &self.interactions[recorded_get];
        let url = interaction["request"]["url"].as_str().unwrap().to_owned();
        let mut properties = interaction["response"]["body"]["properties"].as_object().unwrap().clone();
        for read_only in ["protectionStatus", "currentProtectionState", "provisioningState"] {
            properties.remove(read_only);
        }
        let response = self.run.send(Method::PUT, &url, Some(&json!({ "properties": properties })));
        assert_eq!(response.status, 201, "{:?}", response.body_json());
        self.run.wait_seconds(300);
    }

    fn play(&mut self, range: RangeInclusive<usize>) {
        for index in range {
            self.play_one(index);
        }
    }

    fn play_one(&mut self, index: usize) {
        let interaction = self.interactions[index].clone();
        let request = &interaction["request"];
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let recorded_url = request["url"].as_str().unwrap();
        let recorded_path = recorded_url.split('?').next().unwrap();
        let url = self.urls.get(recorded_path).cloned().unwrap_or_else(|| recorded_url.to_owned());
        let body = Some(&request["body"]).filter(|body| !body.is_null());
        let expected = Answer::recorded(&interaction["response"]);

        // A recorded poll may have been repeated with the same answer.
        let repeats = interaction["repeats"].as_u64().unwrap_or(1);
        for _ in 0..repeats {
            let mut waited = 0;
            loop {
                let response = self.run.send(method.clone(), &url, body);
                let answer = Answer::emulated(&response);
                let difference = self.difference(recorded_path, &expected, &answer);
                let Some(difference) = difference else {
                    self.remember(&interaction["response"], &response);
                    break;
                };
                assert!(
                    method == Method::GET && waited < 180,
                    "{} interaction {index}, {method} {recorded_path}: {difference}",
                    self.name
                );
                self.run.wait_seconds(1);
                waited += 1;
            }
        }
    }

    /// The URLs of an operation that a recorded answer started, and the emulator's for them.
    fn remember(&mut self, recorded: &Value, response: &Response) {
        for header in ["azure-asyncoperation", "location"] {
            if let (Some(recorded), Some(own)) = (recorded["headers"][header].as_str(), response.header(header)) {
                let path = recorded.split('?').next().unwrap();
                self.urls.insert(path.to_owned(), own.to_owned());
            }
        }
    }

    fn difference(&self, path: &str, expected: &Answer, answer: &Answer) -> Option<String> {
        if expected.status != answer.status {
            return Some(format!("status {} instead of {}: {}", answer.status, expected.status, answer.body));
        }
        if expected.body != answer.body {
            return Some(format!("body\n{}\ninstead of\n{}", answer.body, expected.body));
        }
        let names: BTreeSet<&String> = expected.headers.keys().chain(answer.headers.keys()).collect();
        names.into_iter().find_map(|name| {
            let (wanted, got) = (expected.headers.get(name), answer.headers.get(name));
            let is_result = path.contains("/operationResults/") && name == "azure-asyncoperation";
            let listed = if is_result { format!("{name} of operationResults") } else { name.clone() };
            (wanted != got && !accepted(self.name, &listed)).then(|| format!("{name}: {got:?} instead of {wanted:?}"))
        })
    }
}

/// A normalised answer.
struct Answer {
    status: u64,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Answer {
    fn recorded(response: &Value) -> Self {
        let empty = Map::new();
        let headers = response["headers"].as_object().unwrap_or(&empty);
        let pairs = headers.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        Self::normalised(response["status"].as_u64().unwrap(), pairs, response["body"].clone())
    }

    fn emulated(response: &Response) -> Self {
        let pairs = response.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        Self::normalised(u64::from(response.status.as_u16()), pairs, response.body_json())
    }

    fn normalised(status: u64, headers: impl Iterator<Item = (String, String)>, mut body: Value) -> Self {
        normalise(&mut body);
        let headers = headers.filter(|(name, _)| !UNRECORDED.contains(&name.as_str())).map(|(name, value)| {
            let value = if name.starts_with("x-ms-ratelimit-remaining") { "COUNT".to_owned() } else { url(&value) };
            (name, value)
        });
        Self { status, headers: headers.collect(), body }
    }
}

/// Replaces what differs from run to run.
fn normalise(value: &mut Value) {
    const TIMES: [&str; 5] = ["startTime", "endTime", "deletionTime", "billingEndDate", "scheduledPurgeTime"];
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let never = value.as_str().is_some_and(|text| text.starts_with("0001"));
                if TIMES.contains(&name.as_str()) && !never {
                    *value = json!("TIME");
                } else if ["ActivityId", "deleteActivityID"].contains(&name.as_str()) {
                    *value = json!("GUID");
                } else {
                    normalise(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::String(text) => *text = url(text),
        _ => {}
    }
}

/// A text in which operation ids and the values of signatures are replaced.
fn url(text: &str) -> String {
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    // The base64 text of two GUIDs and a semicolon has 100 characters.
    let segments = path
        .split('/')
        .map(|segment| if segment.len() == 100 && segment.ends_with("==") { "OPERATION" } else { segment });
    let path = segments.collect::<Vec<_>>().join("/");
    let Some(query) = query else { return path };
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("t" | "c" | "s" | "h"), _)) => format!("{name}=REDACTED"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn group(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{name}")
}

#[test]
fn flexible_server_is_protected_and_deleted() {
    let group = group("clitest-dpp-ecy-rg");
    let server = format!("{group}/providers/{FLEXIBLE_SERVER}/clitest-pgflex-server-2");
    let vault_id = format!("{group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-ecy-donotdelete");
    let mut player = Player::new(
        "cli-pgflex-backup-and-restore",
        World {
            vaults: vec![vault(&vault_id, "eastus2euap", &[("pgflexpolicy", FLEXIBLE_SERVER)])],
            datasources: vec![datasource(&server, "eastus2euap")],
            grants: vec![grant(&server)],
            ..World::default()
        },
    );
    player.play(0..=15);
    // In between: backups and restores.
    player.play(32..=32);
}

#[test]
fn single_server_database_is_protected_and_deleted() {
    let (vault_group, server_group) = (group("clitest-dpp-rg"), group("oss-clitest-rg"));
    let server = format!("{server_group}/providers/Microsoft.DBforPostgreSQL/servers/oss-clitest-server");
    let vault_id =
        format!("{vault_group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-donotdelete");
    let secrets = format!("{server_group}/providers/Microsoft.KeyVault/vaults/oss-clitest-keyvault");
    let mut player = Player::new(
        "cli-pg-single-server-backup-and-restore",
        World {
            vaults: vec![vault(&vault_id, "centraluseuap", &[("osspolicy", DATABASE)])],
            datasources: vec![datasource(&format!("{server}/databases/postgres"), "centraluseuap")],
            key_vaults: vec![key_vault(&secrets, "oss-clitest-keyvault.vault.azure.net", &["oss-clitest-secret"])],
            grants: vec![grant(&server), grant(&secrets)],
            ..World::default()
        },
    );
    player.play(0..=15);
    player.play(64..=64);
}

#[test]
fn the_policy_of_an_instance_is_changed_and_changed_back() {
    let group = group("clitest-dpp-rg");
    let account = format!("{group}/providers/Microsoft.Storage/storageAccounts/clitestsabidonotdelete");
    let vault_id =
        format!("{group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-persistent-bi-donotdelete");
    let blobs = "Microsoft.Storage/storageAccounts/blobServices";
    let policies = [("blobpolicy", blobs), ("altblobpolicy", blobs)];
    let mut player = Player::new(
        "cli-change-policy",
        World {
            vaults: vec![vault(&vault_id, "centraluseuap", &policies)],
            datasources: vec![datasource(&account, "centraluseuap")],
            grants: vec![grant(&account)],
            ..World::default()
        },
    );
    player.protect(0);
    let last = player.interactions.len() - 1;
    player.play(0..=last);
}

#[test]
fn a_deleted_instance_is_kept_and_its_datasource_protected_elsewhere() {
    let group = group("clitest-dpp-rg");
    let disk = format!("{group}/providers/Microsoft.Compute/disks/clitest-disk-sd-donotdelete");
    let vaults = format!("{group}/providers/Microsoft.DataProtection/backupVaults");
    let kind = "Microsoft.Compute/disks";
    let mut keeping =
        vault(&format!("{vaults}/clitest-bkp-vault-sd1-donotdelete"), "centraluseuap", &[("diskpol", kind)]);
    keeping.soft_delete.state = SoftDeleteState::On;
    let other = vault(
        &format!("{vaults}/clitest-bkp-vault-persistent-bi-donotdelete"),
        "centraluseuap",
        &[("diskpolicy", kind)],
    );
    let mut player = Player::new(
        "cli-softdelete-undelete",
        World {
            vaults: vec![keeping, other],
            datasources: vec![datasource(&disk, "centraluseuap")],
            grants: vec![grant(&disk)],
            ..World::default()
        },
    );
    player.protect(4);
    player.play(0..=1);
    // Undelete and resumeProtection are left out: 2, 3, 21 to 23, 28 and later.
    player.play(4..=20);
    player.play(24..=27);
}

/// The instance that Azure Service Operator recorded: the only one with Retry-After, with an unknown policy and with a
/// ProtectionError. Its polls are left out, since the recorder overwrote their ids and times.
#[test]
fn an_unknown_policy_is_refused_and_a_missing_prerequisite_shows_late() {
    let group = group("asotest-rg-pbjouy");
    let kind = "Microsoft.ContainerService/managedClusters";
    let cluster = format!("{group}/providers/{kind}/asotest-mc-znnmxx");
    let vault_id = format!("{group}/providers/Microsoft.DataProtection/backupVaults/asotest-asotestbackupvault-fdjivx");
    let mut player = Player::new(
        "aso-backup-instance-protection-error-and-sync",
        World {
            vaults: vec![vault(&vault_id, "westus2", &[])],
            datasources: vec![datasource(&cluster, "westus2")],
            ..World::default()
        },
    );
    player.play(3..=3);
    let policies = vault(&vault_id, "westus2", &[("asotest-asotestbp-rkoold", kind)]).policies;
    player.run.engine.world_mut().vaults[0].policies = policies;
    // The recorded policyParameters come back with the service's defaults filled in, which is not emulated: so the
    // recorded answers are compared without them.
    for interaction in &mut player.interactions {
        for side in ["request", "response"] {
            let policy = interaction.pointer_mut(&format!("/{side}/body/properties/policyInfo"));
            if let Some(policy) = policy.and_then(Value::as_object_mut) {
                policy.remove("policyParameters");
            }
        }
    }
    player.play(5..=5);
    player.play(8..=8);

    player.run.wait_seconds(120);
    let recorded = player.interactions[41].clone();
    let emulated = player.run.get(recorded["request"]["url"].as_str().unwrap()).body_json();
    assert_eq!(emulated["properties"]["currentProtectionState"], "ProtectionError");
    assert_eq!(shape(&emulated), shape(&recorded["response"]["body"]));
    let properties = &emulated["properties"];
    assert_eq!(properties["protectionErrorDetails"], properties["protectionStatus"]["errorDetails"]);

    player.play(60..=60);
    player.run.wait_seconds(120);
    player.play(63..=63);
}

/// The names of all members, with the types of their values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.first().map_or(json!([]), |first| json!([shape(first)])),
        Value::String(_) => json!("string"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::Null => Value::Null,
    }
}
