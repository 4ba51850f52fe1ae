//! What every test here stands on: a namespace, an emulated Azure of its own, and operators to start and stop.

use std::path::{Path, PathBuf};
use std::time::Duration;

use azure_emulator::{Emulator, EmulatorConfig, Entry, Kind, TimeScale, World};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::conditions::is_crd_established;
use kube::{Api, Client};
use postgres_backup_operator::api::{PostgresBackup, PostgresBackupGrant, crd};
use serde_json::{Value, json};
use test_support::secrets::CANARY;
use test_support::{
    AzureEndpoints, ControlPlane, OperatorOptions, OperatorProcess, WaitError, Waiter, WorkDir, WorkloadIdentity,
    shared_control_plane,
};
use tokio::sync::OnceCell;

pub const SUBSCRIPTION: &str = "/subscriptions/11111111-1111-4111-8111-111111111111";

/// The operator's service account, as `deploy/install.yaml` creates it.
const ACCOUNT: (&str, &str) = ("postgres-backup-operator", "postgres-backup-operator");

/// Azure's seconds that pass in one: an operation of half a minute takes half a second.
const TIME_SCALE: f64 = 60.0;

pub struct Stage<'a> {
    pub control_plane: &'a ControlPlane,
    pub emulator: Emulator,
    pub namespace: String,
    pub options: OperatorOptions,
    client: Client,
    _work: WorkDir,
}

impl Stage<'static> {
    /// On the control plane that all tests share.
    pub async fn new() -> Self {
        Self::on(installed_control_plane().await).await
    }
}

impl<'a> Stage<'a> {
    /// On a control plane where the operator is installed.
    pub async fn on(control_plane: &'a ControlPlane) -> Self {
        let config = EmulatorConfig {
            world: World::load(&project().join("tests/emulator/worlds/demo.json")).unwrap(),
            time_scale: TimeScale::new(TIME_SCALE).unwrap(),
            ..EmulatorConfig::default()
        };
        let emulator = Emulator::start(config).await.unwrap();
        let namespace = control_plane.create_namespace("e2e").await.unwrap();
        let work = WorkDir::new().unwrap();
        let ca_file = work.join("azure-ca.pem");
        std::fs::write(&ca_file, emulator.ca_pem()).unwrap();
        let (account_namespace, account) = ACCOUNT;
        let audience = "api://AzureADTokenExchange";
        let token_file = control_plane.service_account_token_file(account_namespace, account, audience).await.unwrap();
        let options = OperatorOptions {
            kubeconfig: control_plane.service_account_kubeconfig(account_namespace, account).await.unwrap(),
            azure: AzureEndpoints::emulated(emulator.base_url(), &ca_file),
            identity: WorkloadIdentity {
                client_id: "44444444-4444-4444-8444-444444444444".to_owned(),
                tenant_id: "22222222-2222-4222-8222-222222222222".to_owned(),
                token_file,
            },
            watch_namespace: Some(namespace.clone()),
            args: vec!["--poll-interval=1s".into()],
            // At this level everything is said that is ever said, and all of it is searched for secrets in the end.
            env: vec![("PGBACKUP_LOG".into(), "trace".into()), ("AZURE_CLIENT_SECRET".into(), CANARY.into())],
        };
        let client = control_plane.client().await.unwrap();
        let stage = Self { control_plane, emulator, namespace, options, client, _work: work };
        stage.grant(&stage.namespace, everything(&stage.namespace)).await;
        stage
    }

    /// Creates a grant, or replaces what it says.
    pub async fn grant(&self, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackupGrant",
            "metadata": { "name": name }, "spec": spec,
        });
        let params = PatchParams::apply("administrator").force();
        self.grants().patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    /// The grants of the cluster, which all tests share. A test names its own like its namespaces.
    pub fn grants(&self) -> Api<PostgresBackupGrant> {
        Api::all(self.client.clone())
    }

    /// The same with more arguments for the operator.
    pub fn with_args(mut self, args: &[&str]) -> Self {
        self.options.args.extend(args.iter().map(Into::into));
        self
    }

    /// Starts an operator and waits until it works.
    pub async fn operator(&self) -> OperatorProcess {
        let operator = OperatorProcess::start(&binary(), &self.options).unwrap();
        operator.wait_ready().await.unwrap();
        operator
    }

    pub fn api(&self) -> Api<PostgresBackup> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub async fn create(&self, name: &str, spec: Value) -> PostgresBackup {
        let object = json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
            "metadata": { "name": name }, "spec": spec,
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    pub async fn patch(&self, name: &str, patch: Value) {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub async fn get(&self, name: &str) -> PostgresBackup {
        self.api().get(name).await.unwrap()
    }

    pub fn waiter<'o>(&self, name: &str, operator: &'o OperatorProcess) -> Waiter<'o, PostgresBackup> {
        Waiter::new(self.api(), name).quoting(operator.process())
    }

    pub async fn until_ready(&self, name: &str, operator: &OperatorProcess) -> PostgresBackup {
        self.waiter(name, operator).until_condition("Ready", "True").await.unwrap().unwrap()
    }

    /// Waits until `Ready` has this reason at the current generation.
    pub async fn until_reason(&self, name: &str, operator: &OperatorProcess, reason: &str) -> PostgresBackup {
        let reached: Result<Option<PostgresBackup>, WaitError> = self
            .waiter(name, operator)
            .until(reason, |object: Option<&PostgresBackup>| {
                object.is_some_and(|object| {
                    let observed = object.status.as_ref().map(|status| status.observed_generation);
                    observed == object.metadata.generation && ready(object).is_some_and(|(_, actual)| actual == reason)
                })
            })
            .await;
        reached.unwrap().unwrap()
    }

    /// Every request to Resource Manager so far.
    pub fn requests(&self) -> Vec<Entry> {
        let engine = self.emulator.engine();
        let engine = engine.lock().unwrap();
        engine.journal().iter().filter(|entry| entry.kind != Kind::Token).cloned().collect()
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.requests().iter().filter(|entry| entry.kind == kind).count()
    }

    /// Waits until the journal holds a request of this kind. The journal has nothing to be notified by.
    pub async fn until_requested(&self, kind: Kind) {
        for _ in 0..6000 {
            if self.count(kind) > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no {kind:?} within a minute; requests: {:#?}", self.requests());
    }

    /// Waits until the object has an event with this reason.
    pub async fn until_event(&self, name: &str, reason: &str) {
        for _ in 0..600 {
            if self.events(name).await.iter().any(|event| event == reason) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no event {reason} within a minute; events: {:?}", self.events(name).await);
    }

    /// The reasons of the object's events, oldest first.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = api.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().and_then(|about| about.name.as_deref()) == Some(name));
        events.sort_by_key(|event| event.event_time.clone().map(|time| time.0));
        events.into_iter().filter_map(|event| event.reason).collect()
    }

    /// How many writes the API server has seen for the object, without events.
    pub fn object_writes(&self, name: &str) -> usize {
        let user = format!("system:serviceaccount:{}:{}", ACCOUNT.0, ACCOUNT.1);
        let audit = self.control_plane.audit_log().unwrap();
        let about = |event: &&test_support::AuditEvent| {
            event.is_write() && event.is_about("postgresbackups", &self.namespace, name) && event.user.username == user
        };
        audit.iter().filter(about).count()
    }
}

/// A grant that lets a namespace use the whole subscription.
pub fn everything(namespace: &str) -> Value {
    json!({
        "namespaces": { "names": [namespace] }, "vaults": [SUBSCRIPTION], "databases": [SUBSCRIPTION],
        "keyVaults": ["testkeyvaulteus.vault.azure.net"],
    })
}

/// Status and reason of `Ready`.
pub fn ready(object: &PostgresBackup) -> Option<(&str, &str)> {
    condition(object, "Ready")
}

/// Status and reason of a condition.
pub fn condition<'a>(object: &'a PostgresBackup, type_: &str) -> Option<(&'a str, &'a str)> {
    let conditions = &object.status.as_ref()?.conditions;
    let condition = conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((&condition.status, &condition.reason))
}

pub fn flexible_server(name: &str) -> Value {
    json!({
        "database": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/{name}") },
        "vault": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault") },
        "policy": { "name": "weekly" },
    })
}

pub fn single_server_database() -> Value {
    json!({
        "database": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/ossdemoRG/providers/Microsoft.DBforPostgreSQL/servers/testpostgresql/databases/empdb11") },
        "vault": { "resourceId": format!("{SUBSCRIPTION}/resourceGroups/TestBkpVaultRG/providers/Microsoft.DataProtection/backupVaults/testBkpVault") },
        "policy": { "name": "osspol3" },
        "keyVaultSecret": { "uri": "https://testkeyvaulteus.vault.azure.net/secrets/ossdbkey" },
    })
}

pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_postgres-backup-operator"))
}

pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared control plane with the definition and the rights that the operator ships with.
async fn installed_control_plane() -> &'static ControlPlane {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let control_plane = shared_control_plane().await.unwrap();
    INSTALLED.get_or_init(async || install(control_plane).await).await;
    control_plane
}

/// Installs the definitions and the rights that the operator ships with.
pub async fn install(control_plane: &ControlPlane) {
    let kubectl = control_plane.kubectl();
    let server_side = ["apply", "--server-side", "-f", "-"];
    kubectl.run_with_input(&server_side, &crd::yaml().unwrap()).await.unwrap();
    kubectl.run_with_input(&server_side, &install_manifest()).await.unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(control_plane.client().await.unwrap());
    for kind in crd::Kind::ALL {
        let name = format!("{}.pgbackup.dev", kind.plural());
        kube::runtime::wait::await_condition(crds.clone(), &name, is_crd_established()).await.unwrap();
    }
}

/// `deploy/install.yaml`.
pub fn install_manifest() -> String {
    std::fs::read_to_string(project().join("deploy/install.yaml")).unwrap()
}
