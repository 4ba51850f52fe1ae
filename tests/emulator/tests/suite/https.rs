//! Over the wire: TLS with the emulator's authority, both token endpoints, the admin API, and a dropped connection.

use std::path::Path;

use azure_emulator::{Emulator, EmulatorConfig, TimeScale, World};
use reqwest::{Certificate, Client, Method};
use serde_json::{Value, json};

const TENANT: &str = "22222222-2222-4222-8222-222222222222";
const CLIENT: &str = "44444444-4444-4444-8444-444444444444";
const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";

async fn start() -> (Emulator, Client) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds/demo.json");
    let emulator = Emulator::start(EmulatorConfig {
        world: World::load(&path).unwrap(),
        time_scale: TimeScale::new(1000.0).unwrap(),
        ..EmulatorConfig::default()
    })
    .await
    .unwrap();
    let authority = Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
    (emulator, client)
}

fn vault() -> String {
    format!("{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault")
}

/// A token, asked for as the Rust and other SDKs do: a form.
async fn token(emulator: &Emulator, client: &Client, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.base_url());
    let response = client.post(url).form(form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

const WORKLOAD_IDENTITY: [(&str, &str); 5] = [
    ("client_assertion", "a.federated.token"),
    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
    ("client_id", CLIENT),
    ("grant_type", "client_credentials"),
    ("scope", "https://management.azure.com/.default"),
];

fn form<'a>(without: &str, with: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = WORKLOAD_IDENTITY.into_iter().filter(|(name, _)| !name.starts_with(without) || without.is_empty());
    kept.chain(with.iter().copied()).collect()
}

#[tokio::test]
async fn tokens_are_issued_and_refused_as_entra_does() {
    let (emulator, client) = start().await;
    let (status, body) = token(&emulator, &client, &WORKLOAD_IDENTITY).await;
    assert_eq!((status, &body["token_type"], &body["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    let secret = form("client_assertion", &[("client_secret", "demo-client-secret")]);
    assert_eq!(token(&emulator, &client, &secret).await.0, 200);
    let refused = [
        (form("client_assertion", &[("client_secret", "wrong")]), 401, "invalid_client", 7_000_215),
        (form("client_assertion", &[]), 401, "invalid_client", 7_000_218),
        (form("client_id", &[("client_id", TENANT)]), 400, "unauthorized_client", 700_016),
        (form("scope", &[("scope", "https://management.azure.com")]), 400, "invalid_scope", 1_002_012),
        (form("scope", &[]), 400, "invalid_request", 900_144),
    ];
    for (form, status, error, code) in refused {
        let answer = token(&emulator, &client, &form).await;
        assert_eq!((answer.0, &answer.1["error"], &answer.1["error_codes"]), (status, &json!(error), &json!([code])));
        let description = answer.1["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    }
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_managed_identity_endpoint_wants_its_header() {
    let (emulator, client) = start().await;
    let url =
        format!("{}?api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.azure.com", emulator.identity_endpoint());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    let response = client.get(&url).header("X-IDENTITY-HEADER", "demo-identity-header").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    assert!(body["expires_on"].as_str().unwrap().parse::<i64>().is_ok(), "{body}");
    assert_eq!(body["resource"], "https://management.azure.com");
    let arm = format!("{}{}?api-version=2026-03-01", emulator.base_url(), vault());
    let answer = client.get(arm).bearer_auth(body["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    emulator.shutdown().await;
}

#[tokio::test]
async fn an_instance_is_created_and_its_long_poll_url_works() {
    let (emulator, client) = start().await;
    let token = token(&emulator, &client, &WORKLOAD_IDENTITY).await.1["access_token"].as_str().unwrap().to_owned();
    let server =
        format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders");
    let kind = "Microsoft.DBforPostgreSQL/flexibleServers";
    let body = json!({ "properties": {
        "objectType": "BackupInstance",
        "dataSourceInfo": { "objectType": "Datasource", "resourceID": server, "datasourceType": kind },
        "policyInfo": { "policyId": format!("{}/backupPolicies/weekly", vault()) },
    }});
    let instance = format!("{}{}/backupInstances/orders?api-version=2026-03-01", emulator.base_url(), vault());
    let created = client.put(&instance).bearer_auth(&token).json(&body).send().await.unwrap();
    assert_eq!(created.status(), 201);
    assert_eq!(created.headers()["retry-after"], "1");
    let poll = created.headers()["azure-asyncoperation"].to_str().unwrap().to_owned();
    assert!(poll.starts_with(emulator.base_url()));
    // Azure's 70 s take 70 ms here: each answer shows a state on the way, the last one the end of it.
    let configured = async {
        loop {
            let status = client.get(&poll).bearer_auth(&token).send().await.unwrap();
            assert_eq!(status.status(), 200);
            let seen: Value = client.get(&instance).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
            if seen["properties"]["currentProtectionState"] == "ProtectionConfigured" {
                break;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), configured).await.unwrap();
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_admin_api_changes_the_world() {
    let (emulator, client) = start().await;
    let admin = |method: Method, path: &str, body: Option<Value>| {
        let mut request = client.request(method, format!("{}/_admin/{path}", emulator.base_url()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send()
    };
    let billing =
        format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/billing");
    let database =
        format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/servers/s/databases/d");
    let keys = format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.KeyVault/vaults/k");
    let grant = json!({ "vault": vault(), "scope": billing });
    let policy = json!({ "vault": vault(), "name": "daily", "datasourceTypes": ["x"] });
    let secret = json!({ "uri": "https://k.vault.azure.net/secrets/s" });
    let steps = [
        (Method::POST, "grants", Some(grant.clone()), 204),
        (Method::DELETE, "grants", Some(grant.clone()), 204),
        (Method::DELETE, "grants", Some(grant), 404),
        (Method::POST, "grants", Some(json!({ "scope": billing })), 400),
        (Method::PUT, "policies", Some(policy.clone()), 204),
        (Method::DELETE, "policies", Some(json!({ "vault": vault(), "name": "weekly" })), 204),
        (Method::PUT, "datasources", Some(json!({ "id": database, "location": "westeurope" })), 204),
        (Method::DELETE, "datasources", Some(json!({ "id": billing })), 204),
        (Method::PUT, "secrets", Some(secret.clone()), 404),
        (Method::PUT, "key-vaults", Some(json!({ "id": keys, "host": "k.vault.azure.net" })), 204),
        (Method::PUT, "secrets", Some(secret), 204),
        (Method::PUT, "time-scale", Some(json!({ "timeScale": 0 })), 400),
        (Method::PUT, "time-scale", Some(json!({ "timeScale": 5 })), 200),
        (
            Method::POST,
            "faults",
            Some(json!({ "kind": "getVault", "effect": { "delay": { "milliseconds": 1 } } })),
            201,
        ),
        (Method::DELETE, "faults/1", None, 204),
        (Method::DELETE, "journal", None, 204),
        (Method::DELETE, "tokens", None, 204),
        (Method::GET, "nonsense", None, 404),
    ];
    for (method, path, body, expected) in steps {
        let response = admin(method.clone(), path, body).await.unwrap();
        let status = response.status();
        assert_eq!(status, expected, "{method} {path}: {}", response.text().await.unwrap());
    }
    let state: Value = admin(Method::GET, "world", None).await.unwrap().json().await.unwrap();
    let names = |list: &Value| list.as_array().unwrap().iter().map(|item| item["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&state["world"]["vaults"][0]["policies"]), ["monthly", "daily"]);
    assert_eq!(state["world"]["keyVaults"][1]["secrets"], json!(["s"]));
    assert!(!state.to_string().contains("demo-client-secret"), "secrets are not shown");
    let scale: Value = admin(Method::GET, "time-scale", None).await.unwrap().json().await.unwrap();
    assert_eq!(scale, json!({ "timeScale": 5.0 }));
    emulator.shutdown().await;
}

#[tokio::test]
async fn a_dropped_answer_is_a_broken_connection_and_is_journalled_without_secrets() {
    let (emulator, client) = start().await;
    let fault = json!({ "kind": "token", "times": 2, "effect": "dropResponse" });
    let admin = format!("{}/_admin", emulator.base_url());
    client.post(format!("{admin}/faults")).json(&fault).send().await.unwrap();
    let url = format!("{}/{TENANT}/oauth2/v2.0/token", emulator.base_url());
    for _ in 0..2 {
        assert!(client.post(&url).form(&WORKLOAD_IDENTITY).send().await.is_err());
    }
    assert_eq!(token(&emulator, &client, &WORKLOAD_IDENTITY).await.0, 200);
    let journal = client.get(format!("{admin}/journal?kind=token")).send().await.unwrap();
    let journal: Value = journal.json().await.unwrap();
    let answered: Vec<&Value> = journal.as_array().unwrap().iter().map(|entry| &entry["answered"]).collect();
    assert_eq!(answered, [false, false, true]);
    assert!(!journal.to_string().contains("a.federated.token"));
    emulator.shutdown().await;
}
