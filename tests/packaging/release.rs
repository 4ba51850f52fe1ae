//! A release in its life: installed over nothing, upgraded from an older one with objects present, uninstalled.

use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupGrant};
use serde_json::{Value, json};
use test_support::ControlPlane;

use crate::definitions::older_chart;
use crate::helm::{NAME, chart, helm};
use crate::site::{definitions, install, served};

const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";

const GRANT: &[&str] = &[
    "grants.shop.namespaces.names={shop}",
    "grants.shop.vaults={/subscriptions/11111111-1111-4111-8111-111111111111}",
    "grants.shop.databases={/subscriptions/11111111-1111-4111-8111-111111111111}",
];

async fn backup(control_plane: &ControlPlane) -> PostgresBackup {
    let client = control_plane.client().await.unwrap();
    Api::namespaced(client, "default").get("orders").await.unwrap()
}

async fn grants(control_plane: &ControlPlane) -> Vec<PostgresBackupGrant> {
    let client = control_plane.client().await.unwrap();
    Api::all(client).list(&ListParams::default()).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_outlive_an_upgrade_and_the_release() {
    let control_plane = ControlPlane::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let notes = install(&control_plane, &["install"], &older_chart(directory.path()), &[]).unwrap();
    for line in ["Without a grant nothing is sent to Azure. Write the first one", "kind: PostgresBackupGrant"] {
        assert!(notes.contains(line), "{notes}");
    }
    served(&control_plane, &definitions()).await;
    let group = |provider: &str| format!("{SUBSCRIPTION}/resourceGroups/shop/providers/{provider}");
    let object = json!({
        "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup", "metadata": { "name": "orders" },
        "spec": {
            "database": { "resourceId": group("Microsoft.DBforPostgreSQL/flexibleServers/orders") },
            "vault": { "resourceId": group("Microsoft.DataProtection/backupVaults/team-vault") },
            "policy": { "name": "weekly" },
        },
    });
    let api: Api<PostgresBackup> = Api::namespaced(control_plane.client().await.unwrap(), "default");
    api.patch("orders", &PatchParams::apply("administrator"), &Patch::Apply(object)).await.unwrap();
    let before = backup(&control_plane).await;

    // The kinds are known by now, so grants come at once, and the notes have nothing to say of them.
    let notes = install(&control_plane, &["upgrade"], &chart(), GRANT).unwrap();
    assert!(!notes.contains("Write the first one") && !notes.contains("DO NOT EXIST"), "{notes}");
    assert_eq!(grants(&control_plane).await.len(), 1);
    let after = backup(&control_plane).await;
    assert_eq!((after.metadata.uid, after.spec), (before.metadata.uid.clone(), before.spec));
    let crd = control_plane.kubectl().run(&["get", "crd", &definitions()[0], "-o", "json"]).await.unwrap();
    let crd: Value = serde_json::from_str(&crd).unwrap();
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    assert!(status["properties"]["lastHandledReconcileAt"].is_object(), "the definition is upgraded");

    let last_words = helm(control_plane.admin_kubeconfig(), &["uninstall", NAME, "--namespace", NAME]).unwrap();
    for name in definitions() {
        assert!(last_words.contains(&name), "{last_words}");
    }
    assert!(notes.contains("helm uninstall leaves the CustomResourceDefinitions, every PostgresBackup"), "{notes}");
    let left = backup(&control_plane).await;
    assert_eq!((left.metadata.uid, left.metadata.deletion_timestamp), (before.metadata.uid, None));
    assert!(grants(&control_plane).await.is_empty(), "grants in values go with the release");

    // What was kept is taken up again.
    install(&control_plane, &["install"], &chart(), GRANT).unwrap();
    assert_eq!(grants(&control_plane).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_in_the_values_of_a_first_installation_are_announced_and_come_with_the_next_command() {
    let control_plane = ControlPlane::start().await.unwrap();
    let notes = install(&control_plane, &["install"], &chart(), GRANT).unwrap();
    assert!(notes.contains("THE GRANTS IN YOUR VALUES DO NOT EXIST YET"), "{notes}");
    served(&control_plane, &definitions()).await;
    let notes = install(&control_plane, &["upgrade"], &chart(), GRANT).unwrap();
    assert!(!notes.contains("DO NOT EXIST"), "{notes}");
    let grants = grants(&control_plane).await;
    assert_eq!(grants[0].spec.namespaces.names.as_deref(), Some(&["shop".to_owned()][..]));
}
