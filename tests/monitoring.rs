//! The alerts: they are rules that Prometheus accepts, they fire when they should and not otherwise, and each has a runbook.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use test_support::promtool;

const ALERTS: &str = "charts/postgres-backup-operator/files/alerts.yaml";

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(project().join(ALERTS)).unwrap()).unwrap();
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

async fn expect_success(args: &[&str]) {
    let output = promtool(args, project()).await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success(), "{said}");
}

#[tokio::test]
async fn the_rules_are_rules() {
    expect_success(&["check", "rules", "--lint=all", "--lint-fatal", ALERTS]).await;
}

#[tokio::test]
async fn alerts_fire_when_they_should() {
    expect_success(&["test", "rules", "tests/monitoring/alerts_test.yaml"]).await;
}

#[test]
fn every_alert_is_tested_both_ways() {
    let path = project().join("tests/monitoring/alerts_test.yaml");
    let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut tested = BTreeSet::new();
    for test in file["tests"].as_array().unwrap() {
        for case in test["alert_rule_test"].as_array().unwrap() {
            let fires = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            tested.insert((case["alertname"].as_str().unwrap().to_owned(), fires));
        }
    }
    let names = rules().into_iter().map(|rule| rule["alert"].as_str().unwrap().to_owned());
    assert_eq!(tested, names.flat_map(|name| [(name.clone(), false), (name, true)]).collect());
}

#[test]
fn every_alert_says_what_is_wrong_and_has_a_runbook() {
    let mut expected = BTreeSet::new();
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        let annotations = &rule["annotations"];
        for annotation in ["summary", "description"] {
            assert!(
                annotations[annotation].as_str().is_some_and(|text| !text.is_empty()),
                "{name} has no {annotation}"
            );
        }
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        let file = format!("{name}.md");
        assert!(annotations["runbook_url"].as_str().unwrap().ends_with(&format!("/docs/runbooks/{file}")), "{name}");
        let runbook = std::fs::read_to_string(project().join("docs/runbooks").join(&file)).unwrap();
        assert!(runbook.starts_with(&format!("# {name}\n")), "{file}");
        for part in ["## What it means", "## How to look", "## What to do"] {
            assert!(runbook.contains(part), "{file} lacks {part:?}");
        }
        expected.insert(file);
    }
    let there = std::fs::read_dir(project().join("docs/runbooks")).unwrap();
    let there: BTreeSet<_> = there.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, expected, "a runbook for each alert, and no others");
}
