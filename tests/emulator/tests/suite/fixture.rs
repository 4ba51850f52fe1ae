//! One vault, one flexible server and one database of a single server, with everything in place; and what tests do
//! with them.

use azure_emulator::{ProtectionState, Response, World};
use http::Method;
use serde_json::{Value, json};

use crate::common::{DATABASE, FLEXIBLE_SERVER, Run, datasource, grant, id, key_vault, vault};

pub(crate) const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";
pub(crate) const KEY_VAULT_HOST: &str = "keys.vault.azure.net";

pub(crate) fn group(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{name}")
}

pub(crate) fn vault_id() -> String {
    format!("{}/providers/Microsoft.DataProtection/backupVaults/v", group("backup"))
}

pub(crate) fn server() -> String {
    format!("{}/providers/{FLEXIBLE_SERVER}/orders", group("data"))
}

pub(crate) fn single_server() -> String {
    format!("{}/providers/Microsoft.DBforPostgreSQL/servers/legacy", group("data"))
}

pub(crate) fn secrets() -> String {
    format!("{}/providers/Microsoft.KeyVault/vaults/keys", group("data"))
}

/// Everything in place for a flexible server and for a database.
pub(crate) fn world() -> World {
    World {
        vaults: vec![vault(
            &vault_id(),
            "westeurope",
            &[("weekly", FLEXIBLE_SERVER), ("monthly", FLEXIBLE_SERVER), ("db", DATABASE)],
        )],
        datasources: vec![
            datasource(&server(), "westeurope"),
            datasource(&format!("{}/databases/app", single_server()), "westeurope"),
        ],
        key_vaults: vec![key_vault(&secrets(), KEY_VAULT_HOST, &["app"])],
        grants: vec![grant(&server()), grant(&single_server()), grant(&secrets())],
        ..World::default()
    }
}

pub(crate) fn flexible() -> Value {
    json!({
        "objectType": "BackupInstance",
        "dataSourceInfo": {
            "objectType": "Datasource", "resourceID": server(), "resourceName": "orders",
            "datasourceType": FLEXIBLE_SERVER, "resourceType": FLEXIBLE_SERVER, "resourceLocation": "West Europe",
        },
        "policyInfo": { "policyId": format!("{}/backupPolicies/weekly", vault_id()) },
    })
}

pub(crate) fn database() -> Value {
    json!({
        "objectType": "BackupInstance",
        "dataSourceInfo": {
            "objectType": "Datasource", "resourceID": format!("{}/databases/app", single_server()),
            "datasourceType": DATABASE, "resourceType": DATABASE, "resourceLocation": "westeurope",
        },
        "datasourceAuthCredentials": {
            "objectType": "SecretStoreBasedAuthCredentials",
            "secretStoreResource": { "secretStoreType": "AzureKeyVault", "uri": format!("https://{KEY_VAULT_HOST}/secrets/app") },
        },
        "policyInfo": { "policyId": format!("{}/backupPolicies/db", vault_id()) },
    })
}

pub(crate) fn url(below_vault: &str, version: &str) -> String {
    format!("{}{below_vault}?api-version={version}", vault_id())
}

pub(crate) const VERSION: &str = "2026-03-01";

/// Validates, and returns the code and the detail of the failure; both empty when it succeeded.
pub(crate) fn validate(run: &mut Run, instance: &Value, version: &str) -> (String, String) {
    let accepted =
        run.send(Method::POST, &url("/validateForBackup", version), Some(&json!({ "backupInstance": instance })));
    let failure = if accepted.status == 202 {
        let status = accepted.header("azure-asyncoperation").unwrap().to_owned();
        assert_eq!(run.get(&status).body_json()["status"], "Inprogress");
        run.wait_seconds(41);
        run.get(&status).body_json()
    } else {
        assert_eq!(accepted.status, 400);
        accepted.body_json()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = &failure["error"]["additionalInfo"][0]["info"]["innerError"]["additionalInfo"];
    (text(&failure["error"]["code"]), text(&detail["DetailedNonLocalisedMessage"]))
}

pub(crate) fn put(run: &mut Run, instance: &Value) -> Response {
    run.send(Method::PUT, &url("/backupInstances/one", VERSION), Some(&json!({ "properties": instance })))
}

/// An engine in which the flexible server is protected.
pub(crate) fn protected() -> Run {
    let mut run = Run::new(world());
    assert_eq!(put(&mut run, &flexible()).status, 201);
    run.wait_seconds(70);
    assert_eq!(state(&mut run), "ProtectionConfigured");
    run
}

/// The flexible server under another policy.
pub(crate) fn changed_policy() -> Value {
    let mut instance = flexible();
    instance["policyInfo"]["policyId"] = json!(format!("{}/backupPolicies/monthly", vault_id()));
    instance
}

/// A POST on the instance.
pub(crate) fn act(run: &mut Run, action: &str, body: Option<&Value>) -> Response {
    run.send(Method::POST, &url(&format!("/backupInstances/one/{action}"), VERSION), body)
}

pub(crate) fn delete(run: &mut Run) -> Response {
    run.send(Method::DELETE, &url("/backupInstances/one", VERSION), None)
}

/// The code of an error; empty when there is none.
pub(crate) fn code(response: &Response) -> String {
    response.body_json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn instance_id() -> String {
    format!("{}/backupInstances/one", vault_id())
}

/// Sets the instance's state, as if in the portal.
pub(crate) fn set_state(run: &mut Run, state: ProtectionState) {
    run.engine.instance_mut(&id(&instance_id())).unwrap().state = state;
}

pub(crate) fn state(run: &mut Run) -> Value {
    run.get(&url("/backupInstances/one", VERSION)).body_json()["properties"]["currentProtectionState"].clone()
}
