//! The deletion guard on a real API server: what it refuses, and that it holds nothing else up.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use postgres_backup_operator::api::annotations::ALLOW_DELETE;
use postgres_backup_operator::api::{FINALIZER, PostgresBackup, crd};
use serde_json::{Value, json};
use test_support::{ControlPlane, shared_control_plane};

use crate::manifests;

const GUARD: &str = "deploy/deletion-guard.yaml";
const INSTANCE: &str = "orders-orders-1";

/// A control plane with the operator's kinds.
pub async fn control_plane() -> &'static ControlPlane {
    let control_plane = shared_control_plane().await.unwrap();
    let server_side = ["apply", "--server-side", "-f", "-"];
    control_plane.kubectl().run_with_input(&server_side, &crd::yaml().unwrap()).await.unwrap();
    let client = control_plane.client().await.unwrap();
    for name in ["postgresbackups.pgbackup.dev", "postgresbackupgrants.pgbackup.dev"] {
        let established = kube::runtime::conditions::is_crd_established();
        kube::runtime::wait::await_condition(Api::all(client.clone()), name, established).await.unwrap();
    }
    control_plane
}

/// A namespace with the guard in force.
struct Guarded {
    control_plane: &'static ControlPlane,
    namespace: String,
    api: Api<DynamicObject>,
}

impl Guarded {
    async fn start() -> Self {
        let control_plane = control_plane().await;
        let server_side = ["apply", "--server-side", "--validate=strict", "-f", "-"];
        control_plane.kubectl().run_with_input(&server_side, &manifests::text(GUARD)).await.unwrap();
        let namespace = control_plane.create_namespace("guarded").await.unwrap();
        let resource = kube::api::ApiResource::erase::<PostgresBackup>(&());
        let api = Api::namespaced_with(control_plane.client().await.unwrap(), &namespace, &resource);
        let guarded = Self { control_plane, namespace, api };
        guarded.create("sentinel", &json!({}), true).await;
        // The API server tells nobody when it has taken a policy up.
        guarded.eventually("the guard is in force", async || guarded.refusal("sentinel").await.is_some()).await;
        guarded
    }

    /// Creates an object that differs from a plain one as `change` (a merge patch) says, with or without a backup instance.
    async fn create(&self, name: &str, change: &Value, has_instance: bool) {
        let mut object = manifests::yaml("deploy/samples/flexible-server.yaml");
        object["metadata"] = json!({ "name": name, "finalizers": [FINALIZER] });
        json_patch::merge(&mut object, change);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        self.api.create(&PostParams::default(), &object).await.unwrap();
        if has_instance {
            let instance = json!({ "name": INSTANCE, "resourceId": "/x" });
            let status = json!({ "status": { "observedGeneration": 1, "backupInstance": instance } });
            self.api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        }
    }

    async fn change(&self, name: &str, change: &Value) {
        self.api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    }

    /// The words with which a deletion would be refused.
    async fn refusal(&self, name: &str) -> Option<String> {
        refused(self.api.delete(name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await)
    }

    /// Repeats a check that nothing announces.
    async fn eventually(&self, what: &str, check: impl AsyncFn() -> bool) {
        for _ in 0..600 {
            if check().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: not within 30 seconds");
    }
}

/// The words of a refusal by the guard.
fn refused<T>(result: kube::Result<T>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(kube::Error::Api(status)) if status.code == 403 => Some(status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_would_delete_backups_needs_a_word_more() {
    let guarded = Guarded::start().await;
    let annotated = |value: &str| json!({ "metadata": { "annotations": { ALLOW_DELETE: value } } });
    let spec = |field: &str, value: &str| json!({ "spec": { field: value } });
    for (name, change, has_instance, is_refused) in [
        ("plain", json!({}), true, true),
        ("other-annotation", json!({ "metadata": { "annotations": { "example.com/team": "shop" } } }), true, true),
        ("not-allowed", annotated("false"), true, true),
        ("said-nothing", annotated(""), true, true),
        ("stopped", spec("protection", "Stopped"), true, true),
        ("allowed", annotated("true"), true, false),
        ("retained", spec("deletionPolicy", "Retain"), true, false),
        ("kept", spec("deletionPolicy", "StopProtection"), true, false),
        ("observed", spec("mode", "Observe"), true, false),
        ("validated", spec("mode", "ValidateOnly"), true, false),
        ("never-created", json!({}), false, false),
    ] {
        guarded.create(name, &change, has_instance).await;
        let refusal = guarded.refusal(name).await;
        assert_eq!(refusal.is_some(), is_refused, "{name}: {refusal:?}");
        for part in refusal.iter().flat_map(|_| [INSTANCE, ALLOW_DELETE, "Retain", "StopProtection"]) {
            assert!(refusal.as_ref().is_some_and(|words| words.contains(part)), "{part}: {refusal:?}");
        }
    }
    let everything = guarded.api.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    assert!(refused(everything).is_some());
    let stalled = guarded.api.get("plain").await.unwrap();
    assert_eq!(stalled.metadata.deletion_timestamp, None);
}

#[tokio::test]
async fn an_allowed_deletion_goes_its_way() {
    let guarded = Guarded::start().await;
    guarded.create("orders", &json!({}), true).await;
    guarded.change("orders", &json!({ "metadata": { "annotations": { ALLOW_DELETE: "true" } } })).await;
    guarded.api.delete("orders", &DeleteParams::default()).await.unwrap();
    let object = guarded.api.get("orders").await.unwrap();
    assert!(object.metadata.deletion_timestamp.is_some());

    // Whatever is changed now: nobody is asked again.
    guarded.change("orders", &json!({ "metadata": { "annotations": null } })).await;
    guarded.change("orders", &json!({ "spec": { "policy": { "name": "daily" } } })).await;
    assert_eq!(guarded.refusal("orders").await, None);
    guarded.change("orders", &json!({ "metadata": { "finalizers": [] } })).await;
    assert!(guarded.api.get_opt("orders").await.unwrap().is_none());
}

#[tokio::test]
async fn a_namespace_that_is_deleted_can_go() {
    let guarded = Guarded::start().await;
    guarded.create("orders", &json!({}), true).await;
    assert!(guarded.refusal("orders").await.is_some());
    let client = guarded.control_plane.client().await.unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete(&guarded.namespace, &DeleteParams::default()).await.unwrap();

    // What the namespace controller does, which tries again as well: it deletes what is in the namespace, and the operator
    // lets it go.
    let emptied = async || {
        let everything = guarded.api.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        refused(everything).is_none()
    };
    guarded.eventually("the content can be deleted", emptied).await;
    for object in guarded.api.list(&ListParams::default()).await.unwrap() {
        assert!(object.metadata.deletion_timestamp.is_some(), "{}", object.name_any());
        guarded.change(&object.name_any(), &json!({ "metadata": { "finalizers": [] } })).await;
    }
    assert_eq!(guarded.api.list(&ListParams::default()).await.unwrap().items.len(), 0);
    let mut namespace = namespaces.get(&guarded.namespace).await.unwrap();
    namespace.spec.get_or_insert_default().finalizers = Some(Vec::new());
    namespaces.replace_subresource("finalize", &guarded.namespace, &PostParams::default(), &namespace).await.unwrap();
    assert!(namespaces.get_opt(&guarded.namespace).await.unwrap().is_none());
}

#[tokio::test]
async fn the_definition_is_guarded_as_well() {
    let guarded = Guarded::start().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(guarded.control_plane.client().await.unwrap());
    let delete = async |name: &str| {
        refused(definitions.delete(name, &DeleteParams { dry_run: true, ..DeleteParams::default() }).await)
    };
    let backups = "postgresbackups.pgbackup.dev";
    guarded.eventually("the definition is guarded", async || delete(backups).await.is_some()).await;
    assert!(delete(backups).await.unwrap().contains(ALLOW_DELETE));
    assert_eq!(delete("postgresbackupgrants.pgbackup.dev").await, None, "without grants nothing is deleted");

    let allow = json!({ "metadata": { "annotations": { ALLOW_DELETE: "true" } } });
    definitions.patch(backups, &PatchParams::default(), &Patch::Merge(allow)).await.unwrap();
    assert_eq!(delete(backups).await, None);
}

/// The specifications of the policies in a file or template.
fn policies(text: &str) -> Vec<&str> {
    let policies = text.split("---\n").filter(|document| document.contains("kind: ValidatingAdmissionPolicy\n"));
    policies.map(|document| document.split_once("\nspec:\n").unwrap().1).collect()
}

#[test]
fn the_chart_has_the_same_guard() {
    let (plain, template) =
        (manifests::text(GUARD), manifests::text("charts/postgres-backup-operator/templates/deletion-guard.yaml"));
    assert_eq!(policies(&plain), policies(&template));
    assert_eq!(policies(&plain).len(), 2);
}
