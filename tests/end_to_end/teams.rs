//! Two teams with a namespace, a vault, a database and an identity each, and an operator whose own identity may do everything:
//! what keeps the teams apart is what is granted.

use azure_emulator::{Emulator, EmulatorConfig, Entry, Kind, TimeScale};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::conditions::is_crd_established;
use kube::{Api, Client};
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupGrant, crd};
use serde_json::{Value, json};
use test_support::{
    AzureEndpoints, ControlPlane, EXCHANGE_AUDIENCE, OperatorOptions, OperatorProcess, Waiter, WorkDir,
    WorkloadIdentity,
};

use crate::stage::{SUBSCRIPTION, binary, project};

/// The operator's service account, as `deploy/install.yaml` creates it.
const ACCOUNT: (&str, &str) = ("postgres-backup-operator", "postgres-backup-operator");

/// The ServiceAccount whose tokens `deploy/install.yaml` lets the operator create.
const TEAM_ACCOUNT: &str = "postgres-backup";

const TENANT: &str = "22222222-2222-4222-8222-222222222222";

/// Client ids in the world of the teams.
pub const TEAM_A: &str = "44444444-4444-4444-8444-44444444440a";
pub const TEAM_B: &str = "44444444-4444-4444-8444-44444444440b";
pub const OPERATOR: &str = "44444444-4444-4444-8444-44444444440c";

/// A control plane, an emulated Azure and an operator of their own: grants belong to a whole cluster.
pub struct Teams {
    operator: OperatorProcess,
    options: OperatorOptions,
    emulator: Emulator,
    client: Client,
    _control_plane: ControlPlane,
    _work: WorkDir,
}

impl Teams {
    /// Starts everything. Nothing is granted yet.
    pub async fn start() -> Self {
        let control_plane = ControlPlane::start().await.unwrap();
        let kubectl = control_plane.kubectl();
        let server_side = ["apply", "--server-side", "-f", "-"];
        kubectl.run_with_input(&server_side, &crd::yaml().unwrap()).await.unwrap();
        let install = std::fs::read_to_string(project().join("deploy/install.yaml")).unwrap();
        kubectl.run_with_input(&server_side, &install).await.unwrap();
        let client = control_plane.client().await.unwrap();
        for kind in crd::Kind::ALL {
            let name = format!("{}.pgbackup.dev", kind.plural());
            kube::runtime::wait::await_condition(Api::all(client.clone()), &name, is_crd_established()).await.unwrap();
        }
        let keys = client.request_text(http::Request::get("/openid/v1/jwks").body(Vec::new()).unwrap()).await.unwrap();
        let config = EmulatorConfig {
            world: world(&keys),
            time_scale: TimeScale::new(60.0).unwrap(),
            ..EmulatorConfig::default()
        };
        let emulator = Emulator::start(config).await.unwrap();
        let work = WorkDir::new().unwrap();
        let ca_file = work.join("azure-ca.pem");
        std::fs::write(&ca_file, emulator.ca_pem()).unwrap();
        let (namespace, account) = ACCOUNT;
        let identity = WorkloadIdentity {
            client_id: OPERATOR.to_owned(),
            tenant_id: TENANT.to_owned(),
            token_file: control_plane.service_account_token_file(namespace, account, EXCHANGE_AUDIENCE).await.unwrap(),
        };
        let kubeconfig = control_plane.service_account_kubeconfig(namespace, account).await.unwrap();
        let azure = AzureEndpoints::emulated(emulator.base_url(), &ca_file);
        let mut options = OperatorOptions::new(kubeconfig, azure, identity);
        options.args = ["--poll-interval=1s", "--drift-interval=1h"].map(Into::into).to_vec();
        let operator = OperatorProcess::start(&binary(), &options).unwrap();
        operator.wait_ready().await.unwrap();
        let teams = Self { operator, options, emulator, client, _control_plane: control_plane, _work: work };
        for namespace in ["team-a", "team-b"] {
            teams.namespace(namespace).await;
            teams.account(namespace).await;
        }
        teams
    }

    /// Starts the operator anew, with an empty memory.
    pub async fn restart(&mut self) {
        self.operator.kill().await;
        self.operator = OperatorProcess::start(&binary(), &self.options).unwrap();
        self.operator.wait_ready().await.unwrap();
    }

    pub async fn namespace(&self, name: &str) {
        let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    /// Creates the ServiceAccount that a grant names.
    pub async fn account(&self, namespace: &str) {
        let account: ServiceAccount = serde_json::from_value(json!({ "metadata": { "name": TEAM_ACCOUNT } })).unwrap();
        let accounts = Api::namespaced(self.client.clone(), namespace);
        accounts.create(&PostParams::default(), &account).await.unwrap();
    }

    /// Grants a namespace the resource group of a team, as an identity.
    pub async fn grant(&self, name: &str, namespace: &str, team: &str, client_id: &str) {
        let scope = format!("{SUBSCRIPTION}/resourceGroups/{team}");
        let object = json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackupGrant", "metadata": { "name": name },
            "spec": {
                "namespaces": { "names": [namespace] }, "vaults": [scope], "databases": [scope],
                "keyVaults": [format!("{team}-kv.vault.azure.net")],
                "identity": { "serviceAccount": { "clientId": client_id, "tenantId": TENANT } },
            },
        });
        let params = PatchParams::apply("administrator").force();
        self.grants().patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    pub async fn revoke(&self, name: &str) {
        self.grants().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub fn grants(&self) -> Api<PostgresBackupGrant> {
        Api::all(self.client.clone())
    }

    pub fn backups(&self, namespace: &str) -> Api<PostgresBackup> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Creates an object, with whatever stands in `metadata` besides its name.
    pub async fn create(
        &self,
        namespace: &str,
        name: &str,
        mut metadata: Value,
        spec: Value,
    ) -> Result<(), kube::Error> {
        metadata["name"] = json!(name);
        let object = json!({ "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup", "metadata": metadata, "spec": spec });
        let object = serde_json::from_value(object).unwrap();
        self.backups(namespace).create(&PostParams::default(), &object).await.map(drop)
    }

    pub async fn delete(&self, namespace: &str, name: &str) {
        self.backups(namespace).delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn gone(&self, namespace: &str, name: &str) {
        self.until(namespace, name, "gone", |object| object.is_none()).await;
    }

    /// Waits until Ready has this reason.
    pub async fn until_reason(&self, namespace: &str, name: &str, reason: &str) {
        let has = |object: Option<&PostgresBackup>| {
            object.and_then(crate::stage::ready).is_some_and(|(_, actual)| actual == reason)
        };
        self.until(namespace, name, reason, has).await;
    }

    /// Has the operator look at an object, and waits until it has.
    pub async fn look(&self, namespace: &str, name: &str, request: &str) {
        let patch = json!({ "metadata": { "annotations": { "pgbackup.dev/reconcile-requested-at": request } } });
        self.backups(namespace).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let answered = |object: Option<&PostgresBackup>| {
            let status = object.and_then(|object| object.status.as_ref());
            status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some(request)
        };
        self.until(namespace, name, "looked at", answered).await;
    }

    pub async fn until(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        is_reached: impl Fn(Option<&PostgresBackup>) -> bool,
    ) {
        let waiter = Waiter::new(self.backups(namespace), name).quoting(self.operator.process());
        let reached: Result<_, test_support::WaitError> = waiter.until(what, is_reached).await;
        reached.unwrap();
    }

    /// The requests to Resource Manager so far.
    pub fn requests(&self) -> Vec<Entry> {
        let engine = self.emulator.engine();
        let engine = engine.lock().unwrap();
        engine.journal().iter().filter(|entry| entry.kind != Kind::Token).cloned().collect()
    }

    /// Waits until the journal holds a request that is as wanted. The journal has nothing to be notified by.
    pub async fn requested(&self, wanted: impl Fn(&Entry) -> bool) {
        for _ in 0..6000 {
            if self.requests().iter().any(&wanted) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no such request within a minute: {:#?}", self.requests());
    }
}

/// A flexible server of a team, protected in a vault of another or the same team.
pub fn spec(database: &str, vault: &str) -> Value {
    let server = if database == "team-b" { "billing" } else { "orders" };
    let group = |team: &str| format!("{SUBSCRIPTION}/resourceGroups/{team}/providers");
    json!({
        "database": { "resourceId": format!("{}/Microsoft.DBforPostgreSQL/flexibleServers/{server}", group(database)) },
        "vault": { "resourceId": format!("{}/Microsoft.DataProtection/backupVaults/{vault}-vault", group(vault)) },
        "policy": { "name": "weekly" },
    })
}

/// The actions of the role that the documentation gives.
pub fn documented_actions() -> Vec<String> {
    let text = std::fs::read_to_string(project().join("deploy/azure/operator-role.json")).unwrap();
    let role: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(role["Actions"].clone()).unwrap()
}

/// The world of the teams, with the cluster as an issuer of tokens and an operator that may do everything by itself.
fn world(keys: &str) -> azure_emulator::World {
    let text = std::fs::read_to_string(project().join("tests/emulator/worlds/teams.json")).unwrap();
    let mut world: Value = serde_json::from_str(&text.replace(":pgbackup\"", &format!(":{TEAM_ACCOUNT}\""))).unwrap();
    let issuer = "https://kubernetes.default.svc";
    let (namespace, account) = ACCOUNT;
    let subject = format!("system:serviceaccount:{namespace}:{account}");
    world["principals"][2]["federatedCredentials"] = json!([{ "issuer": issuer, "subject": subject }]);
    world["roleAssignments"][2]["role"] = json!("Backup Contributor");
    // The documented list of actions has to be enough.
    world["roleAssignments"][1]["role"] = json!({ "actions": documented_actions() });
    let keys: Value = serde_json::from_str(keys).unwrap();
    world["tokenIssuers"] = json!([{ "issuer": issuer, "jwks": keys }]);
    serde_json::from_value(world).unwrap()
}
