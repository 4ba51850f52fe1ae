//! helm, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chart.
pub fn chart() -> PathBuf {
    project().join("charts/postgres-backup-operator")
}

/// What every installation has to say.
pub const IDENTITY: &str = "azure.clientId=44444444-4444-4444-8444-444444444444";

/// Where the release is installed, and its name.
pub const NAME: &str = "postgres-backup-operator";

/// helm, built from the pinned sources by whoever asks first.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build = project().join("tests/tools/build.sh");
        let output = Command::new(build).arg("helm").stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "helm cannot be built; the reason stands above");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()).join("helm")
    })
}

/// Runs helm, with the configuration of nobody. What it prints, or what it says is wrong.
pub fn helm(kubeconfig: &Path, args: &[&str]) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program())
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The manifests for values given as YAML, without a cluster.
pub fn render(values: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("values.yaml");
    std::fs::write(&file, values).unwrap();
    // What --set says would win over the values.
    let identity = directory.path().join("identity.yaml");
    let (parent, field) = IDENTITY.split_once('.').unwrap();
    std::fs::write(&identity, format!("{parent}: {{ {} }}", field.replace('=', ": "))).unwrap();
    let chart = chart();
    let args = ["template", NAME, chart.to_str().unwrap(), "--namespace", NAME];
    let values = ["--values", identity.to_str().unwrap(), "--values", file.to_str().unwrap()];
    let args = [&args[..], &values].concat();
    helm(Path::new("/nonexistent"), &args)
}

/// The objects in manifests.
pub fn objects(manifests: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The object of a kind; the only one.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "objects of kind {kind}");
    found[0]
}

/// The arguments of the operator in a Deployment.
pub fn arguments(deployment: &Value) -> Vec<String> {
    serde_json::from_value(deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone()).unwrap()
}
