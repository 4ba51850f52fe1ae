//! What is generated from the chart is current, and the same without Helm as with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use postgres_backup_operator::api::crd;
use serde_json::Value;
use test_support::shared_control_plane;

use crate::helm::{NAME, chart, helm, objects, project, render};

/// Every file under a directory, by its path in it.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn what_is_generated_is_current() {
    let output = tempfile::tempdir().unwrap();
    let generated = Command::new(project().join("deploy/generate.sh")).arg(output.path()).output().unwrap();
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    let generated = files(output.path());
    for (file, text) in &generated {
        let committed = std::fs::read_to_string(project().join(file)).unwrap_or_default();
        assert!(committed == *text, "{file} is out of date: run `make generate`");
    }
    for directory in ["deploy/kustomize", "charts/postgres-backup-operator/templates/crds"] {
        for file in files(&project().join(directory)).into_keys() {
            assert!(generated.contains_key(&format!("{directory}/{file}")), "nothing generates {directory}/{file}");
        }
    }
}

#[test]
fn the_chart_brings_the_definitions_as_they_are() {
    let objects = objects(&render("").unwrap());
    for kind in crd::Kind::ALL {
        let ours = serde_json::to_value(crd::definition(kind)).unwrap();
        let theirs = objects.iter().find(|object| object["metadata"]["name"] == ours["metadata"]["name"]).unwrap();
        let spec = |definition: &Value| serde_json::to_string(&definition["spec"]).unwrap();
        assert_eq!(spec(theirs), spec(&ours), "{kind:?}");
        assert_eq!(theirs["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    }
}

/// Writes numbers in one way: kustomize makes 0 of 0.0.
fn alike(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(alike),
        Value::Object(fields) => fields.values_mut().for_each(alike),
        Value::Number(number) => *value = number.as_f64().unwrap().into(),
        _ => {}
    }
}

/// Objects by kind, namespace and name, without the labels that only Helm sets.
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let key = |object: &Value| {
        let metadata = &object["metadata"];
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!("{} {}/{}", part(&object["kind"]), part(&metadata["namespace"]), part(&metadata["name"]))
    };
    let strip = |mut object: Value| {
        for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
            if let Some(labels) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
                labels.remove("helm.sh/chart");
                labels.remove("app.kubernetes.io/managed-by");
            }
        }
        alike(&mut object);
        object
    };
    objects
        .into_iter()
        .filter(|object| object["kind"] != "Namespace")
        .map(|object| (key(&object), strip(object)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overlays_and_the_manifest_are_the_chart_with_values() {
    let kubectl = shared_control_plane().await.unwrap().kubectl();
    let deploy = project().join("deploy");
    let values = deploy.join("values.yaml");
    let chart = chart();
    let template =
        ["template", NAME, chart.to_str().unwrap(), "--namespace", NAME, "--values", values.to_str().unwrap()]
            .map(str::to_owned);
    let monitoring = ["serviceMonitor.enabled=true", "prometheusRule.enabled=true", "dashboard.enabled=true"];
    for (overlay, set) in
        [("cluster-wide", &[][..]), ("namespaced", &["watchNamespaces={team-a}"]), ("monitoring", &monitoring)]
    {
        let set = set.iter().map(|value| format!("--set={value}"));
        let args: Vec<_> = template.iter().cloned().chain(set).collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let expected = by_name(objects(&helm(Path::new("/nonexistent"), &args).unwrap()));
        let path = deploy.join("kustomize/overlays").join(overlay);
        let mut built = by_name(objects(&kubectl.run(&["kustomize", path.to_str().unwrap()]).await.unwrap()));
        // Kustomize adds the argument at the end.
        let mut sorted = expected.clone();
        for objects in [&mut built, &mut sorted] {
            for object in objects.values_mut() {
                let args = object.pointer_mut("/spec/template/spec/containers/0/args").and_then(Value::as_array_mut);
                if let Some(args) = args {
                    args.sort_by_key(Value::to_string);
                }
            }
        }
        assert_eq!(built.keys().collect::<Vec<_>>(), sorted.keys().collect::<Vec<_>>(), "{overlay}");
        for (key, object) in &sorted {
            assert_eq!(&built[key], object, "{overlay}: {key}");
        }
        if overlay == "cluster-wide" {
            let manifest = std::fs::read_to_string(deploy.join("install.yaml")).unwrap();
            assert_eq!(by_name(objects(&manifest)), expected, "deploy/install.yaml");
        }
    }
}
