//! The examples for Flux.

use serde_json::Value;

use crate::manifests;

/// The expressions with which Flux waits until backups are taken.
pub fn expressions() -> Value {
    let kustomization = manifests::yaml("deploy/flux/backups-taken.yaml");
    let [entry] = &kustomization["spec"]["healthCheckExprs"].as_array().unwrap()[..] else {
        panic!("one entry is expected")
    };
    assert_eq!((&entry["apiVersion"], &entry["kind"]), (&"pgbackup.dev/v1alpha1".into(), &"PostgresBackup".into()));
    entry.clone()
}

/// The operator gives up waiting for itself after this; whoever waits less long sees a timeout instead of the cause.
const DEADLINE_MINUTES: u64 = 30;

#[test]
fn flux_waits_longer_than_the_operator_for_what_may_come_by_itself() {
    for file in ["deploy/flux/backups.yaml", "deploy/flux/backups-taken.yaml"] {
        let kustomization = manifests::yaml(file);
        let minutes = kustomization["spec"]["timeout"].as_str().and_then(|text| text.strip_suffix('m')).unwrap();
        assert!(minutes.parse::<u64>().unwrap() > DEADLINE_MINUTES, "{file}");
        assert_eq!(kustomization["spec"]["wait"], true, "{file}");
    }
}
