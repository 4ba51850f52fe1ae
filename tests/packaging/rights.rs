//! The roles of the chart are enough, and none of their rules is too much: an operator with the token of its ServiceAccount does all it
//! can do, and the audit log of the API server shows which rights it has used.

use std::collections::BTreeSet;

use azure_emulator::{EmulatorConfig, TimeScale, World};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupGrant};
use serde_json::{Value, json};
use test_support::{AuditEvent, ControlPlane, EmulatedAzure, OperatorProcess, WaitError, Waiter};

use crate::helm::{NAME, chart, helm, objects, project};
use crate::site::{binary, definitions, install, operator_options, served};

const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";

/// The namespaces that the operator looks after: in one it acts as itself, in the other as an identity of the namespace.
const NAMESPACES: [&str; 2] = ["shop", "billing"];

/// One right: what one verb of one rule allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    group: String,
    resource: String,
    name: Option<String>,
    verb: String,
}

impl Right {
    fn is_used_by(&self, event: &AuditEvent) -> bool {
        event.object_ref.as_ref().is_some_and(|object| {
            let resource = object.resource.clone().unwrap_or_default();
            let resource = object.subresource.as_ref().map_or(resource.clone(), |part| format!("{resource}/{part}"));
            let is_named = self.name.is_none() || self.name == object.name;
            (object.api_group.as_deref().unwrap_or_default(), &resource, &event.verb)
                == (&self.group, &self.resource, &self.verb)
                && is_named
        })
    }
}

/// The rights in the roles that are bound to the operator.
fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let strings = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap_or_default() };
    let is_bound = |role: &&Value| {
        objects.iter().any(|binding| {
            binding["roleRef"]["kind"] == role["kind"] && binding["roleRef"]["name"] == role["metadata"]["name"]
        })
    };
    let mut rights = BTreeSet::new();
    for rule in objects.iter().filter(is_bound).flat_map(|role| role["rules"].as_array().unwrap()) {
        let names: Vec<_> = strings(&rule["resourceNames"]).into_iter().map(Some).collect();
        let names = if names.is_empty() { vec![None] } else { names };
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    rights.extend(names.iter().cloned().map(|name| Right {
                        group: group.clone(),
                        resource: resource.clone(),
                        name,
                        verb: verb.clone(),
                    }));
                }
            }
        }
    }
    rights
}

/// A cluster with a release, an Azure, and an operator.
struct Site {
    control_plane: ControlPlane,
    client: Client,
    operator: OperatorProcess,
    _azure: EmulatedAzure,
}

impl Site {
    async fn start(values: &[&str]) -> Self {
        let control_plane = ControlPlane::start().await.unwrap();
        let client = control_plane.client().await.unwrap();
        for name in NAMESPACES {
            let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        }
        install(&control_plane, &["install"], &chart(), values).unwrap();
        served(&control_plane, &definitions()).await;
        let config = EmulatorConfig {
            world: World::load(&project().join("tests/emulator/worlds/demo.json")).unwrap(),
            time_scale: TimeScale::new(60.0).unwrap(),
            ..EmulatorConfig::default()
        };
        let azure = EmulatedAzure::start(config).await.unwrap();
        let options = operator_options(&control_plane, azure.endpoints()).await;
        let operator = OperatorProcess::start(&binary(), &options).unwrap();
        operator.wait_ready().await.unwrap();
        Self { control_plane, client, operator, _azure: azure }
    }

    async fn grant(&self, namespace: &str, identity: Value) {
        let mut spec =
            json!({ "namespaces": { "names": [namespace] }, "vaults": [SUBSCRIPTION], "databases": [SUBSCRIPTION] });
        if identity.is_object() {
            spec["identity"] = identity;
        }
        let object = json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackupGrant",
            "metadata": { "name": namespace }, "spec": spec,
        });
        let params = PatchParams::apply("administrator").force();
        self.grants().patch(namespace, &params, &Patch::Apply(object)).await.unwrap();
    }

    fn grants(&self) -> Api<PostgresBackupGrant> {
        Api::all(self.client.clone())
    }

    async fn create(&self, namespace: &str, name: &str, more: Value) {
        let group = |name: &str, provider: &str| format!("{SUBSCRIPTION}/resourceGroups/{name}/providers/{provider}");
        let mut spec = json!({
            "database": { "resourceId": group("data-rg", "Microsoft.DBforPostgreSQL/flexibleServers/orders") },
            "vault": { "resourceId": group("backup-rg", "Microsoft.DataProtection/backupVaults/team-vault") },
            "policy": { "name": "weekly" },
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": { "name": name }, "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        self.backups(namespace).create(&PostParams::default(), &object).await.unwrap();
    }

    fn backups(&self, namespace: &str) -> Api<PostgresBackup> {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn until_reason(&self, namespace: &str, name: &str, reason: &str) -> PostgresBackup {
        let waiter = Waiter::new(self.backups(namespace), name).quoting(self.operator.process());
        let reached: Result<_, WaitError> = waiter
            .until(reason, |object: Option<&PostgresBackup>| {
                let conditions = object.and_then(|object| object.status.as_ref()).map(|status| &status.conditions);
                let mut ready = conditions.into_iter().flatten().filter(|condition| condition.type_ == "Ready");
                ready.any(|condition| condition.reason == reason)
            })
            .await;
        reached.unwrap().unwrap()
    }

    async fn until_gone(&self, namespace: &str, name: &str) {
        let waiter = Waiter::new(self.backups(namespace), name).quoting(self.operator.process());
        waiter.until_gone().await.unwrap();
    }

    /// Everything that needs a right.
    async fn run_through(&self) {
        let [shop, billing] = NAMESPACES;
        // A grant comes, goes, and comes back: the same event twice is counted, not written twice.
        self.create(shop, "orders", json!({ "deletionPolicy": "Retain" })).await;
        self.until_reason(shop, "orders", "NotPermitted").await;
        self.grant(shop, Value::Null).await;
        self.until_reason(shop, "orders", "Protected").await;
        self.grants().delete(shop, &DeleteParams::default()).await.unwrap();
        self.until_reason(shop, "orders", "NotPermitted").await;
        self.grant(shop, Value::Null).await;
        let orders = self.until_reason(shop, "orders", "Protected").await;
        // Whether the owner that the instance is marked with still exists is looked up.
        let instance = orders.status.unwrap().backup_instance.unwrap().name;
        self.backups(shop).delete("orders", &DeleteParams::default()).await.unwrap();
        self.until_gone(shop, "orders").await;
        self.create(shop, "orders-again", json!({ "backupInstanceName": instance })).await;
        self.until_reason(shop, "orders-again", "Protected").await;
        self.backups(shop).delete("orders-again", &DeleteParams::default()).await.unwrap();
        self.until_gone(shop, "orders-again").await;
        // A token of the namespace's ServiceAccount. That nobody in Azure trusts this cluster does not matter for it.
        let account: ServiceAccount =
            serde_json::from_value(json!({ "metadata": { "name": "postgres-backup" } })).unwrap();
        Api::namespaced(self.client.clone(), billing).create(&PostParams::default(), &account).await.unwrap();
        let id = "44444444-4444-4444-8444-44444444440a";
        self.grant(
            billing,
            json!({ "serviceAccount": { "clientId": id, "tenantId": "22222222-2222-4222-8222-222222222222" } }),
        )
        .await;
        self.create(billing, "billing", json!({})).await;
        self.until_reason(billing, "billing", "CredentialUnavailable").await;
        // The last renewal of the Lease gives it back.
        self.operator.terminate().await.unwrap();
    }

    /// The requests of the operator.
    fn requests(&self) -> Vec<AuditEvent> {
        let user = format!("system:serviceaccount:{NAME}:{NAME}");
        let mut events = self.control_plane.audit_log().unwrap();
        events.retain(|event| event.user.username == user);
        events
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_right_is_used_and_none_is_missing_in_either_scope() {
    // Of namespaces, those that are looked after are named.
    for (values, rights) in [(&[][..], 17), (&["watchNamespaces={shop,billing}"], 18)] {
        let site = Site::start(values).await;
        site.run_through().await;
        let manifests = ["get", "manifest", NAME, "--namespace", NAME];
        let granted = granted(&objects(&helm(site.control_plane.admin_kubeconfig(), &manifests).unwrap()));
        let requests = site.requests();
        let is_denied = |event: &&AuditEvent| event.response_status.as_ref().is_some_and(|status| status.code == 403);
        let denied: Vec<_> = requests.iter().filter(is_denied).collect();
        assert!(denied.is_empty(), "{values:?}: {denied:#?}");
        let unused: Vec<_> =
            granted.iter().filter(|right| !requests.iter().any(|event| right.is_used_by(event))).collect();
        assert!(unused.is_empty(), "{values:?}: granted and never used: {unused:#?}");
        assert_eq!(granted.len(), rights, "{values:?}: {granted:#?}");
    }
}
