//! The examples for Argo CD and Flux: each is YAML, what is ours is accepted by a real API server, and what pull requests change
//! of our objects is what it should be.

use std::fs;

use serde_json::{Value, json};

use crate::deletion_guard::control_plane;
use crate::manifests::{self, yaml, yaml_files};

/// Kinds of other projects, whose definitions are not here.
const FOREIGN: [&str; 5] = ["Application", "ApplicationSet", "Kustomization", "HelmRelease", "OCIRepository"];

/// Every object of the examples, with its file.
fn objects() -> Vec<(String, Value)> {
    let files = yaml_files("deploy/argocd/examples").into_iter().chain(yaml_files("deploy/flux"));
    let files = files.chain(["deploy/argocd/argocd-cm.yaml", "deploy/deletion-guard.yaml"].map(str::to_owned));
    files.flat_map(|file| manifests::documents(&file).into_iter().map(move |object| (file.clone(), object))).collect()
}

#[tokio::test]
async fn every_example_is_accepted() {
    let control_plane = control_plane().await;
    let namespace = control_plane.create_namespace("examples").await.unwrap();
    let mut applied = 0;
    for (file, mut object) in objects() {
        let kind = object["kind"].as_str().unwrap_or_else(|| panic!("{file}: an object without a kind")).to_owned();
        if FOREIGN.contains(&kind.as_str()) {
            continue;
        }
        object["metadata"].as_object_mut().unwrap().remove("namespace");
        let dry_run = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-n", &namespace, "-f", "-"];
        let result = control_plane.kubectl().run_with_input(&dry_run, &object.to_string()).await;
        assert!(result.is_ok(), "{file}: {}", result.unwrap_err());
        applied += 1;
    }
    assert!(applied >= 7, "only {applied} objects of the examples were applied");
}

/// What `kubectl kustomize` makes of the production's files with the patches of a pull request.
async fn patched(patches: &Value, resource: &str) -> Vec<Value> {
    let control_plane = control_plane().await;
    let folder = tempfile::tempdir().unwrap();
    for file in [resource, "deploy/argocd/examples/grant.yaml", "deploy/samples/observe.yaml"] {
        let name = manifests::path(file);
        fs::copy(&name, folder.path().join(name.file_name().unwrap())).unwrap();
    }
    let names = ["backup.yaml", "grant.yaml", "observe.yaml"];
    let kustomization = json!({ "resources": names, "patches": patches });
    fs::write(folder.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
    let built = control_plane.kubectl().run(&["kustomize", folder.path().to_str().unwrap()]).await.unwrap();
    manifests::parse(&built).unwrap()
}

#[tokio::test]
async fn pull_requests_create_nothing_in_azure_and_can_be_deleted() {
    let argo = yaml("deploy/argocd/examples/pull-requests.yaml");
    let flux = yaml("deploy/flux/pull-request.yaml");
    let cases = [
        (&argo["spec"]["template"]["spec"]["source"]["kustomize"]["patches"], "deploy/argocd/examples/backup.yaml", 0),
        (&flux["spec"]["patches"], "deploy/flux/backup.yaml", 1),
    ];
    for (patches, resource, grants) in cases {
        let objects = patched(patches, resource).await;
        let backups: Vec<_> = objects.iter().filter(|object| object["kind"] == "PostgresBackup").collect();
        assert_eq!((backups.len(), objects.len() - backups.len()), (2, grants), "{resource}");
        for backup in backups {
            assert_eq!(backup["spec"]["mode"], "ValidateOnly", "{resource}");
            let annotations = backup["metadata"]["annotations"].to_string();
            assert!(!annotations.contains("confirm") && !annotations.contains("disabled"), "{backup:#}");
        }
    }
    let selected =
        &yaml("deploy/argocd/examples/pull-requests-grant.yaml")["spec"]["namespaces"]["selector"]["matchLabels"];
    let labels = &argo["spec"]["template"]["spec"]["syncPolicy"]["managedNamespaceMetadata"]["labels"];
    assert_eq!(labels, selected, "the namespaces of pull requests do not match their grant");
}

#[test]
fn argo_cd_asks_before_it_prunes_or_deletes_a_backup() {
    let annotations = &yaml("deploy/argocd/examples/backup.yaml")["metadata"]["annotations"];
    let options: Vec<_> = annotations["argocd.argoproj.io/sync-options"].as_str().unwrap().split(',').collect();
    assert!(options.contains(&"Prune=confirm") && options.contains(&"Delete=confirm"), "{options:?}");
    let wave = |file: &str| -> i32 {
        let wave = &yaml(file)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
        wave.as_str().unwrap().parse().unwrap()
    };
    assert!(wave("deploy/argocd/examples/grant.yaml") < wave("deploy/argocd/examples/backup.yaml"));
}
