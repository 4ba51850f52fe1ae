//! An operator that meets older CustomResourceDefinitions than it needs says so and ends; an upgrade of the release mends that.

use std::path::{Path, PathBuf};

use test_support::{AzureEndpoints, ControlPlane, OperatorError, OperatorProcess};

use crate::helm::chart;
use crate::site::{binary, definitions, install, operator_options, served};

/// The chart as its predecessor may have been: an older version, whose definition lacks a field.
pub fn older_chart(directory: &Path) -> PathBuf {
    let older = directory.join("chart");
    copy(&chart(), &older);
    let edit = |file: &str, from: &str, to: &str| {
        let path = older.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} lacks {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    edit("Chart.yaml", "\nversion: 0.1.0\n", "\nversion: 0.0.9\n");
    edit("templates/crds/postgresbackups.yaml", "lastHandledReconcileAt:", "lastLookAt:");
    older
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_definition_is_a_clear_error_until_the_release_is_upgraded() {
    let control_plane = ControlPlane::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    install(&control_plane, &["install"], &older_chart(directory.path()), &[]).unwrap();
    served(&control_plane, &definitions()).await;
    // Azure is not asked for anything: there is nothing to protect.
    let azure = AzureEndpoints::emulated("https://127.0.0.1:1", control_plane.ca_file());
    let options = operator_options(&control_plane, azure).await;
    let operator = OperatorProcess::start(&binary(), &options).unwrap();
    let Err(OperatorError::Ended { log, .. }) = operator.wait_ready().await else { panic!("{}", operator.log()) };
    assert!(log.contains("CustomResourceDefinition of PostgresBackup in the cluster is older"), "{log}");
    assert!(log.contains("it does not know status.lastHandledReconcileAt; bring it up to date"), "{log}");

    install(&control_plane, &["upgrade"], &chart(), &[]).unwrap();
    let operator = OperatorProcess::start(&binary(), &options).unwrap();
    operator.wait_ready().await.unwrap();
    operator.terminate().await.unwrap();
}
