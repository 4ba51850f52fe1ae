//! The sequence of Microsoft's article, with its own URLs and bodies on api-version 2021-01-01, and its answers.
//!
//! The samples are used as printed, except for [`TYPING_ERRORS`]. An answer must have the article's status, its headers
//! with their values, and its body; [`ACCEPTED`] lists what differs, with the reason.

use std::fs;

use azure_emulator::{Identity, Response, World};
use http::Method;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::common::{DATABASE, Run, datasource, grant, vault};

/// What must be mended before a sample can be sent: (in which sample, what is printed, what is meant).
const TYPING_ERRORS: [(&str, &str, &str); 2] = [
    (
        "put-body.json",
        "        }\n    },\n    \"objectType\": \"BackupInstance\"\n  }\n}",
        // One brace too many, and objectType outside of properties, where the schema requires it.
        "        },\n    \"objectType\": \"BackupInstance\"\n  }\n}",
    ),
    // A quoted URL without a host.
    ("delete-request.http", "DELETE \"/", "DELETE \"https://management.azure.com/"),
];

/// Differences to the article's answers: (header or member, reason).
const ACCEPTED: [(&str, &str); 8] = [
    ("content-length", "set by the server; the article's do not fit the printed bodies anyway"),
    ("content-type", "the article's answers have no charset; all recordings since 2024 have one"),
    ("date", "the time of the test"),
    ("server", "of the web server in front of the service"),
    ("x-ms-request-id", "empty in the article; a GUID in Microsoft's documentation of Azure Resource Manager"),
    ("x-ms-routing-request-id", "names a region, a time and a GUID"),
    ("x-ms-ratelimit-remaining-subscription-writes", "a count"),
    ("x-powered-by", "of the web server in front of the service"),
];

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";
const OPERATION: &str = "OPERATION";

/// The identity that the article's error answer names.
const IDENTITY: Identity = Identity {
    principal_id: uuid!("aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"),
    client_id: uuid!("00001111-aaaa-2222-bbbb-3333cccc4444"),
};

/// A sample, with its typing errors mended and its placeholder for the subscription filled in.
fn sample(name: &str) -> String {
    let path = format!("{}/vectors/article-2021-01-01/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = fs::read_to_string(path).unwrap();
    for (sample, printed, meant) in TYPING_ERRORS {
        if sample == name {
            assert!(text.contains(printed), "{name} does not contain {printed}");
            text = text.replace(printed, meant);
        }
    }
    // The placeholder has 12 or 13 characters in its last group.
    for placeholder in ["xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxxx", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"] {
        text = text.replace(placeholder, SUBSCRIPTION);
    }
    text
}

fn json_sample(name: &str) -> Value {
    serde_json::from_str(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The method and URL of a sample's first line.
fn request_line(name: &str) -> (Method, String) {
    let sample = sample(name);
    let (method, url) = sample.lines().next().unwrap().split_once(' ').unwrap();
    (method.parse().unwrap(), url.trim_matches('"').to_owned())
}

/// A printed answer: status line, headers, empty line, body.
struct Printed {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

fn answer_sample(name: &str) -> Printed {
    let sample = sample(name);
    let (head, body) = sample.split_once("\n\n").unwrap_or((&sample, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(':').unwrap());
    Printed {
        status,
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
        body: if body.trim().is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() },
    }
}

/// Ids of operations and vault GUIDs cannot be the same. They are the base64 text of two GUIDs.
fn without_operation(text: &str) -> String {
    let replace = |segment: &str| {
        let (id, query) = segment.split_once('?').map_or((segment, None), |(id, query)| (id, Some(query)));
        match (id.len() == 100 && id.ends_with("=="), query) {
            (true, Some(query)) => format!("{OPERATION}?{query}"),
            (true, None) => OPERATION.to_owned(),
            (false, _) => segment.to_owned(),
        }
    };
    text.split('/').map(replace).collect::<Vec<_>>().join("/")
}

fn assert_answer(sample: &str, response: &Response) {
    let printed = answer_sample(sample);
    assert_eq!(response.status.as_u16(), printed.status, "{sample}: {}", response.body_json());
    for (name, value) in &printed.headers {
        if let Some((_, reason)) = ACCEPTED.iter().find(|(accepted, _)| accepted == name) {
            assert!(!reason.is_empty());
            continue;
        }
        let own = response.header(name).unwrap_or_else(|| panic!("{sample}: {name} is missing"));
        assert_eq!(without_operation(own), without_operation(value), "{sample}: {name}");
    }
    for name in ["azure-asyncoperation", "location", "retry-after"] {
        let is_printed = printed.headers.iter().any(|(printed, _)| printed == name);
        assert_eq!(response.header(name).is_some(), is_printed, "{sample}: {name}");
    }
}

/// The printed body of an operation's status, with the emulator's times in place of its own.
fn assert_status(sample: &str, printed: Value, response: &Response) {
    assert_eq!(response.status, 200, "{sample}");
    assert_eq!(response.header("retry-after"), None, "{sample}: operationStatus has no Retry-After");
    let (mut own, mut printed) = (response.body_json(), printed);
    for body in [&mut own, &mut printed] {
        for member in ["id", "name"] {
            body[member] = json!(without_operation(body[member].as_str().unwrap()));
        }
        for member in ["startTime", "endTime"] {
            let time = body[member].as_str().unwrap();
            // The form of a time is compared: how many decimals, with or without a zone.
            if !time.starts_with("0001") {
                body[member] =
                    json!(format!("{}T…{}", if time.contains('.') { "." } else { "" }, &time[time.len() - 1..]));
            }
        }
    }
    assert_eq!(own, printed, "{sample}");
}

/// The JSON below the request line of a polled status.
fn polled(name: &str) -> Value {
    let sample = sample(name);
    serde_json::from_str(sample.split_once("\n\n").unwrap().1).unwrap()
}

fn article_run() -> (Run, String) {
    let groups = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups");
    let server = format!("{groups}/ossdemoRG/providers/Microsoft.DBforPostgreSQL/servers/testpostgresql");
    let vault_id = format!("{groups}/TestBkpVaultRG/providers/Microsoft.DataProtection/backupVaults/testBkpVault");
    let mut testvault = vault(&vault_id, "westus", &[("osspol3", DATABASE)]);
    testvault.identity = Some(IDENTITY);
    let run = Run::new(World {
        vaults: vec![testvault],
        datasources: vec![datasource(&format!("{server}/databases/empdb11"), "westus")],
        ..World::default()
    });
    (run, server)
}

/// The correlation id that an answer prints, sent with the request: so the answer can be compared as it is.
fn correlation(sample: &str) -> String {
    let headers = answer_sample(sample).headers;
    headers.into_iter().find(|(name, _)| name == "x-ms-correlation-request-id").unwrap().1
}

fn send(run: &mut Run, request: &str, body: Option<&Value>, answer: &str) -> Response {
    let (method, url) = request_line(request);
    let id = correlation(answer);
    let response = run.send_with(method, &url, body, &[("x-ms-correlation-request-id", &id)]);
    assert_answer(answer, &response);
    response
}

/// Follows `Azure-AsyncOperation`, at once and after the time that such an operation takes at most.
fn follow(run: &mut Run, response: &Response, seconds: u64) -> (Response, Response) {
    let url = response.header("azure-asyncoperation").unwrap().to_owned();
    let first = run.get(&url);
    run.wait_seconds(seconds);
    (first, run.get(&url))
}

#[test]
fn the_article_goes_through_with_its_own_requests_and_answers() {
    let (mut run, server) = article_run();
    let validation = json_sample("validate-body.json");

    // Not permitted yet: accepted, running, failed.
    let accepted = send(&mut run, "validate-request.http", Some(&validation), "validate-accepted.http");
    let (running, failed) = follow(&mut run, &accepted, 41);
    assert_status("validate-running.http", polled("validate-running.http"), &running);
    assert_status("validate-failed.http", polled("validate-failed.http"), &failed);
    let location = accepted.header("location").unwrap().to_owned();
    let result = run.get(&location);
    assert_eq!(result.status, 400, "the result of a failed operation is its error");

    // "If you grant all permissions, then resubmit the validation request".
    let grant = azure_emulator::Grant { principal_id: IDENTITY.principal_id, ..grant(&server) };
    run.engine.world_mut().grant(grant);
    let accepted = send(&mut run, "validate-request.http", Some(&validation), "validate-accepted.http");
    let (_, succeeded) = follow(&mut run, &accepted, 41);
    assert_status("validate-succeeded.http", polled("validate-succeeded.http"), &succeeded);

    // The PUT. The article prints the instance as it is a minute later.
    let created = send(&mut run, "put-request.http", Some(&json_sample("put-body.json")), "put-created.http");
    let body = created.body_json();
    assert_eq!(body["properties"]["provisioningState"], "Provisioning");
    assert_eq!(body["properties"]["currentProtectionState"], "ConfiguringProtection");
    let (_, succeeded) = follow(&mut run, &created, 2);
    assert_status("put-succeeded.json", json_sample("put-succeeded.json"), &succeeded);
    run.wait_seconds(70);
    let (_, url) = request_line("put-request.http");
    let instance = run.get(&url).body_json();
    let printed = answer_sample("put-created.http").body;
    assert_eq!(instance["properties"], printed["properties"]);
    assert_eq!((&instance["name"], &instance["type"]), (&printed["name"], &printed["type"]));
    // The article writes the resource group in another casing than in its URL.
    let lower = |id: &Value| id.as_str().unwrap().to_ascii_lowercase();
    assert_eq!(lower(&instance["id"]), lower(&printed["id"]));

    // Protected, hence a second validation is refused at once.
    let refused = send(&mut run, "validate-request.http", Some(&validation), "validate-already-protected.http");
    assert_eq!(refused.body_json(), answer_sample("validate-already-protected.http").body);

    // The DELETE.
    let deleted = send(&mut run, "delete-request.http", None, "delete-accepted.http");
    let (_, succeeded) = follow(&mut run, &deleted, 105);
    assert_status("delete-succeeded.http", polled("delete-succeeded.http"), &succeeded);
    assert_eq!(run.get(&url).status, 404);
}

#[test]
fn two_operations_of_a_vault_share_the_first_half_of_their_ids() {
    use base64::Engine as _;
    let (mut run, _) = article_run();
    let validation = json_sample("validate-body.json");
    let (method, url) = request_line("validate-request.http");
    let mut halves = || {
        let response = run.send(method.clone(), &url, Some(&validation));
        let location = response.header("location").unwrap();
        let id = location.split('?').next().unwrap().rsplit('/').next().unwrap();
        let text = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(id).unwrap()).unwrap();
        let (vault, operation) = text.split_once(';').unwrap();
        (Uuid::parse_str(vault).unwrap(), Uuid::parse_str(operation).unwrap())
    };
    let (first, second) = (halves(), halves());
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
}
