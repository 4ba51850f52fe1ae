//! The scripts for Argo CD, in the layout in which Argo CD itself keeps such scripts, and the ConfigMap that carries them until
//! it does.

use std::fmt::Write;
use std::{env, fs};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::judges::{Answer, Question, ask};
use crate::manifests::{self, text, typed, yaml};

const SCRIPTS: &str = "deploy/argocd/resource_customizations/pgbackup.dev";
const CONFIG_MAP: &str = "deploy/argocd/argocd-cm.yaml";
const KINDS: [&str; 2] = ["PostgresBackup", "PostgresBackupGrant"];
const ACTIONS: [&str; 3] = ["reconcile", "pause", "resume"];

/// Test data of Argo CD's layout: the file below [`SCRIPTS`], and the document that it repeats.
const TEST_DATA: [(&str, &str); 11] = [
    ("PostgresBackup/testdata/never_seen.yaml", "situation-never-seen"),
    ("PostgresBackup/testdata/healthy.yaml", "Protected"),
    ("PostgresBackup/testdata/progressing.yaml", "Creating"),
    ("PostgresBackup/testdata/degraded.yaml", "NotPermitted"),
    ("PostgresBackup/testdata/suspended.yaml", "situation-paused-while-ready"),
    ("PostgresBackup/testdata/edited.yaml", "situation-edited"),
    ("PostgresBackup/testdata/terminating.yaml", "situation-deleted"),
    ("PostgresBackup/testdata/terminating_held.yaml", "HeldByBrake"),
    ("PostgresBackupGrant/testdata/never_seen.yaml", "situation-grant-never-seen"),
    ("PostgresBackupGrant/testdata/healthy.yaml", "InEffect"),
    ("PostgresBackupGrant/testdata/degraded.yaml", "MatchesNothing"),
];

/// The `health.lua` for an object.
pub fn health(object: &Value) -> String {
    text(&format!("{SCRIPTS}/{}/health.lua", object["kind"].as_str().unwrap()))
}

/// Argo CD's `health_test.yaml`.
#[derive(Deserialize)]
struct HealthTests {
    tests: Vec<HealthTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthTest {
    input_path: String,
    health_status: Answer,
}

#[test]
fn the_cases_of_argo_cds_own_layout_hold() {
    for kind in KINDS {
        let folder = format!("{SCRIPTS}/{kind}");
        let HealthTests { tests } = typed(&format!("{folder}/health_test.yaml"));
        let script = text(&format!("{folder}/health.lua"));
        let objects = tests.iter().map(|test| yaml(&format!("{folder}/{}", test.input_path)));
        let questions: Vec<_> = objects.map(|object| Question::health(&object, &script)).collect();
        for (test, answer) in tests.iter().zip(ask(&questions)) {
            assert_eq!(answer, test.health_status, "{kind}/{}", test.input_path);
        }
        assert_eq!(
            tests.len(),
            manifests::yaml_files(&format!("{folder}/testdata")).len(),
            "{kind}: a file has no test"
        );
    }
}

/// Argo CD's `action_test.yaml`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionTests {
    discovery_tests: Vec<DiscoveryTest>,
    action_tests: Vec<ActionTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiscoveryTest {
    input_path: String,
    result: Vec<Discovered>,
}

#[derive(Deserialize)]
struct Discovered {
    name: String,
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionTest {
    action: String,
    input_path: String,
    expected_output_path: String,
}

#[test]
fn people_can_reconcile_pause_and_resume() {
    let folder = format!("{SCRIPTS}/PostgresBackup/actions");
    let tests: ActionTests = typed(&format!("{folder}/action_test.yaml"));
    let read = |path: &str| yaml(&format!("{folder}/{path}"));
    let discovery = text(&format!("{folder}/discovery.lua"));
    for test in &tests.discovery_tests {
        let offered = ask(&[Question::discovery(&read(&test.input_path), &discovery)]).remove(0).value;
        let expected: serde_json::Map<_, _> =
            test.result.iter().map(|found| (found.name.clone(), json!({ "disabled": found.disabled }))).collect();
        assert_eq!(offered, Value::Object(expected), "{}", test.input_path);
    }
    for ActionTest { action, input_path, expected_output_path } in &tests.action_tests {
        let script = text(&format!("{folder}/{action}/action.lua"));
        let mut answer = ask(&[Question::action(&read(input_path), &script)]).remove(0);
        let requested = answer.value.pointer_mut("/metadata/annotations/pgbackup.dev~1reconcile-requested-at");
        if let Some(requested) = requested {
            requested.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            *requested = json!("1970-01-01T00:00:00Z");
        }
        assert_eq!((answer.value, answer.error), (read(expected_output_path), String::new()), "{action}");
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{:by$}{line}\n", "") }).collect()
}

/// The ConfigMap as it should be.
fn config_map() -> String {
    let mut map = String::from(
        "# What Argo CD has to know of the operator's kinds: merge it into the ConfigMap argocd-cm of Argo CD.\n\
         # The scripts are those of resource_customizations/; `make generate` puts them in here.\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels:\n    \
         app.kubernetes.io/name: argocd-cm\n    app.kubernetes.io/part-of: argocd\ndata:\n",
    );
    for kind in KINDS {
        let script = text(&format!("{SCRIPTS}/{kind}/health.lua"));
        write!(map, "  resource.customizations.health.pgbackup.dev_{kind}: |\n{}", indented(&script, 4)).unwrap();
    }
    let actions = format!("{SCRIPTS}/PostgresBackup/actions");
    let discovery = indented(&text(&format!("{actions}/discovery.lua")), 6);
    write!(map, "  resource.customizations.actions.pgbackup.dev_PostgresBackup: |\n    discovery.lua: |\n{discovery}")
        .unwrap();
    map.push_str("    definitions:\n");
    for action in ACTIONS {
        let script = indented(&text(&format!("{actions}/{action}/action.lua")), 8);
        write!(map, "    - name: {action}\n      action.lua: |\n{script}").unwrap();
    }
    map
}

#[test]
fn generated_files_of_argo_cd_are_current() {
    let documents = TEST_DATA
        .map(|(file, name)| (format!("{SCRIPTS}/{file}"), text(&format!("tests/gitops/documents/{name}.yaml"))));
    for (file, expected) in documents.into_iter().chain([(CONFIG_MAP.to_owned(), config_map())]) {
        if env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(manifests::path(&file), &expected).unwrap();
        }
        assert_eq!(text(&file), expected, "{file} is out of date: run `make generate`");
    }
}

#[test]
fn the_config_map_carries_the_scripts_as_they_are() {
    let data = &yaml(CONFIG_MAP)["data"];
    for kind in KINDS {
        let script = &data[format!("resource.customizations.health.pgbackup.dev_{kind}")];
        assert_eq!(script.as_str(), Some(text(&format!("{SCRIPTS}/{kind}/health.lua")).as_str()), "{kind}");
    }
    let actions = data["resource.customizations.actions.pgbackup.dev_PostgresBackup"].as_str().unwrap();
    let actions = manifests::parse(actions).unwrap().remove(0);
    let folder = format!("{SCRIPTS}/PostgresBackup/actions");
    assert_eq!(actions["discovery.lua"], json!(text(&format!("{folder}/discovery.lua"))));
    let definition = |name: &str| json!({ "name": name, "action.lua": text(&format!("{folder}/{name}/action.lua")) });
    assert_eq!(actions["definitions"], json!(ACTIONS.map(definition)));
}
