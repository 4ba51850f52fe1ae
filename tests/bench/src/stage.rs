//! The processes of a scenario.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde_json::Value;
use test_support::azure_emulator::Journaling;
use test_support::{
    AuditTail, ControlPlane, EXCHANGE_AUDIENCE, EmulatorProcess, Method, OperatorOptions, OperatorProcess,
    WorkloadIdentity,
};

use crate::error::BenchError;
use crate::fleet::{self, Access, Fleet};
use crate::observer::Observer;
use crate::options::Options;
use crate::scenarios::Setup;

/// Namespace and name of the operator's service account in `deploy/install.yaml`.
pub(crate) const SERVICE_ACCOUNT: (&str, &str) = ("postgres-backup-operator", "postgres-backup-operator");

/// How many objects are created or deleted at the same time.
const IN_FLIGHT: usize = 16;

/// How often the operator looks while Azure works, unless Azure has named an interval: its default.
const POLL_SECONDS: f64 = 15.0;

/// Everything that runs. Dropped in this order.
pub(crate) struct Stage {
    pub(crate) observer: Observer,
    pub(crate) operator: OperatorProcess,
    pub(crate) emulator: EmulatorProcess,
    pub(crate) control_plane: ControlPlane,
    pub(crate) audit: AuditTail,
    pub(crate) fleet: Fleet,
    /// From the start of the operator until it called itself ready.
    pub(crate) start_to_ready: Duration,
    options: OperatorOptions,
    binary: PathBuf,
    client: Client,
}

impl Stage {
    /// Starts everything; there are no PostgresBackups yet. The current directory is the repository's root.
    pub(crate) async fn set(options: &Options, setup: &Setup) -> Result<Self, BenchError> {
        let fleet = setup.fleet;
        let control_plane = ControlPlane::start().await?;
        let client = control_plane.client().await?;
        control_plane.kubectl().run(&["apply", "--server-side", "-f", "crds/", "-f", "deploy/install.yaml"]).await?;
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"];
        control_plane.kubectl().run(&wait).await?;
        for namespace in fleet.namespaces() {
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        }
        let emulator = emulator(options, setup, control_plane.directory()).await?;
        let (namespace, account) = SERVICE_ACCOUNT;
        let identity = WorkloadIdentity {
            client_id: fleet::OPERATOR.to_string(),
            tenant_id: fleet::TENANT.to_string(),
            token_file: control_plane.service_account_token_file(namespace, account, EXCHANGE_AUDIENCE).await?,
        };
        let kubeconfig = control_plane.service_account_kubeconfig(namespace, account).await?;
        let mut operator_options = OperatorOptions::new(kubeconfig, emulator.endpoints(), identity);
        let poll_interval = (POLL_SECONDS / setup.time_scale).ceil().max(1.0);
        operator_options.args.push(format!("--poll-interval={poll_interval}s").into());
        // Deleting a fleet is what is measured: the brake would hold it.
        operator_options.args.push("--brake-deletions=1000000".into());
        operator_options.args.extend(options.operator_arg.iter().map(Into::into));
        let (operator, start_to_ready) = start(&options.operator, &operator_options).await?;
        let stage = Self {
            observer: Observer::start(client.clone()),
            audit: control_plane.audit_tail()?,
            operator,
            emulator,
            control_plane,
            fleet,
            start_to_ready,
            options: operator_options,
            binary: options.operator.clone(),
            client,
        };
        stage.create_one(&fleet.permission()).await?;
        Ok(stage)
    }

    /// Stops the operator and starts another one, with more arguments. It need not be ready when this returns.
    pub(crate) async fn restart(&mut self, more: &[String]) -> Result<(), BenchError> {
        self.operator.terminate().await?;
        let mut options = self.options.clone();
        options.args.extend(more.iter().map(Into::into));
        self.operator = OperatorProcess::start(&self.binary, &options)?;
        Ok(())
    }

    /// Creates all objects.
    pub(crate) async fn create_all(&self) -> Result<(), BenchError> {
        let create = |number| async move { self.create_one(&self.fleet.manifest(number)).await };
        stream::iter(0..self.fleet.objects).map(create).buffer_unordered(IN_FLIGHT).try_collect().await
    }

    /// Asks for all objects to be deleted.
    pub(crate) async fn delete_all(&self) -> Result<(), BenchError> {
        let delete = |number| async move {
            let (namespace, name) = self.fleet.key(number);
            let objects =
                Api::<DynamicObject>::namespaced_with(self.client.clone(), &namespace, &kind("PostgresBackup"));
            objects.delete(&name, &DeleteParams::default()).await.map(drop)
        };
        let deletions = stream::iter(0..self.fleet.objects).map(delete).buffer_unordered(IN_FLIGHT);
        Ok(deletions.try_collect::<()>().await?)
    }

    /// Tells the emulator something.
    pub(crate) async fn tell_azure(&self, path: &str, body: &Value) -> Result<(), BenchError> {
        self.emulator.admin(Method::POST, path, Some(body)).await?;
        Ok(())
    }

    async fn create_one(&self, manifest: &Value) -> Result<(), BenchError> {
        let object: DynamicObject = serde_json::from_value(manifest.clone())?;
        let resource = kind(manifest["kind"].as_str().unwrap_or_default());
        let objects = match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        objects.create(&PostParams::default(), &object).await?;
        Ok(())
    }
}

fn kind(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("pgbackup.dev", "v1alpha1", kind))
}

async fn start(binary: &Path, options: &OperatorOptions) -> Result<(OperatorProcess, Duration), BenchError> {
    let started = Instant::now();
    let operator = OperatorProcess::start(binary, options)?;
    operator.wait_ready().await?;
    Ok((operator, started.elapsed()))
}

async fn emulator(options: &Options, setup: &Setup, directory: &Path) -> Result<EmulatorProcess, BenchError> {
    // The journal of a large fleet would not fit into memory; that of one with withheld permissions is read.
    let journal = if setup.access == Access::Withheld { Journaling::Everything } else { Journaling::Off };
    let world = setup.fleet.world(setup.access, setup.limits, journal);
    #[expect(clippy::expect_used, reason = "the ids are written in fleet.rs, whose test parses them")]
    let world = world.expect("the ids of a fleet are ARM ids");
    let path = directory.join("world.json");
    let text = serde_json::to_vec(&world)?;
    std::fs::write(&path, text).map_err(|source| BenchError::Write { path: path.clone(), source })?;
    let mut args: Vec<OsString> = vec!["--time-scale".into(), setup.time_scale.to_string().into(), "--world".into()];
    args.push(path.into());
    if let Some(seconds) = setup.operation_seconds {
        args.extend(["--operation-seconds".into(), seconds.to_string().into()]);
    }
    Ok(EmulatorProcess::start(&options.emulator, directory, args).await?)
}
