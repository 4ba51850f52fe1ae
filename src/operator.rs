//! Puts the operator together and runs it: checks that everything it needs is there, and says so in one message if not.

use crate::reconcile::{Clock, Context, Settings};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, Client, Config, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::{FIELD_MANAGER, PostgresBackup, PostgresBackupGrant};
use crate::azure::{
    ArmClient, ArmOptions, Cloud, CloudError, Credential, CredentialConfig, CredentialError, TransportError,
    TransportOptions, http_client,
};
use crate::cli::{AzureArgs, KubernetesArgs, RunArgs};
use crate::controller::{self, Runtime};
use crate::metrics::Metrics;
use crate::reconcile::authorize::identities::Identities;
use crate::reconcile::brake::BrakeLimit;
use crate::server::{Readiness, Server, ServerError};
use crate::telemetry::{self, TelemetryError};

/// How long the API server may take to answer at start-up.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Why the operator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Logging cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The process lacks something of the system.
    #[error("cannot start")]
    System(#[from] std::io::Error),
    /// The Azure cloud is not described properly.
    #[error(
        "the Azure cloud cannot be used as it is set (--cloud, --arm-endpoint, --arm-audience, --authority-host, --key-vault-suffix)"
    )]
    Cloud(#[from] CloudError),
    /// The file with certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {path} (--ca-bundle)")]
    CaBundle {
        /// The file.
        path: String,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client for Azure cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// There is nothing to sign in to Azure with.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// There is no way to reach a cluster.
    #[error("found no Kubernetes cluster to work in: neither a kubeconfig (KUBECONFIG) nor a service account in a pod")]
    KubeConfig(#[source] kube::config::InferConfigError),
    /// The Kubernetes client cannot be built.
    #[error("cannot use the Kubernetes configuration")]
    KubeClient(#[source] kube::Error),
    /// The API server does not answer.
    #[error("the Kubernetes API server {url} cannot be reached")]
    Unreachable {
        /// Where it should be.
        url: String,
        /// What happened instead.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The CustomResourceDefinition is missing.
    #[error(
        "the cluster does not know {0}; install the CustomResourceDefinitions first: postgres-backup-operator crd | kubectl apply --server-side -f -"
    )]
    CrdMissing(&'static str),
    /// The operator may not read what it needs.
    #[error("the operator may not {what}; check the ClusterRoles and bindings of its service account")]
    Forbidden {
        /// What it tried.
        what: &'static str,
        /// What the API server answered.
        #[source]
        source: kube::Error,
    },
    /// The API server refuses what the operator needs for another cause than missing rights.
    #[error("the Kubernetes API server refuses to {what}")]
    Refused {
        /// What the operator tried.
        what: &'static str,
        /// What the API server answered.
        #[source]
        source: kube::Error,
    },
    /// The cluster cannot be named.
    #[error("the namespace kube-system has no UID to name this cluster by; give it a name with --cluster-name")]
    ClusterUnnamed,
    /// The server for probes and metrics cannot start.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Runs the operator until the process is asked to stop.
///
/// # Errors
/// Why it cannot start.
pub fn run(args: &RunArgs) -> Result<(), StartError> {
    // With two providers in a build rustls would refuse to choose. Only a second call fails, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let telemetry = {
        let _inside = runtime.enter();
        telemetry::init(&args.log)?
    };
    let result = runtime.block_on(serve(args));
    telemetry.finish();
    result
}

async fn serve(args: &RunArgs) -> Result<(), StartError> {
    let cloud = args.azure.cloud()?;
    let metrics = Metrics::new(args.kubernetes.concurrency);
    let azure = azure(&args.azure, &cloud, Arc::clone(&metrics)).await?;
    let (client, cluster_name) = kubernetes(&args.kubernetes).await?;
    let server = Server::bind(args.server.listen, args.server.listen_file.as_deref()).await?;
    announce(args, &cloud, &cluster_name, &server);

    let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: std::env::var("HOSTNAME").ok() };
    let settings = Settings {
        cluster_name,
        cloud,
        drift_interval: args.pace.drift_interval,
        deadline: args.pace.deadline,
        poll_interval: args.pace.poll_interval,
        brake: BrakeLimit { deletions: args.brake.brake_deletions, window: args.brake.brake_window },
        service_account: args.kubernetes.service_account.clone(),
    };
    let identities = Identities::new(azure, args.azure.api_version, client.clone());
    let recorder = Recorder::new(client.clone(), reporter);
    let observer: Arc<Metrics> = Arc::clone(&metrics);
    let context = Arc::new(Context::new(client, recorder, identities, settings, Clock::system(), observer));
    let readiness = Arc::new(Readiness::default());
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone())?);
    let serving = tokio::spawn(server.serve(Arc::clone(&metrics), Arc::clone(&readiness), shutdown.clone()));
    let runtime = Runtime { context, metrics, readiness };
    let namespace = args.kubernetes.watch_namespace.as_deref();
    controller::run(runtime, namespace, args.kubernetes.concurrency, shutdown.clone()).await;
    shutdown.cancel();
    if let Ok(served) = serving.await {
        served?;
    }
    tracing::info!("Stopped");
    Ok(())
}

async fn azure(args: &AzureArgs, cloud: &Cloud, metrics: Arc<Metrics>) -> Result<ArmClient, StartError> {
    let extra_ca_pem = match &args.ca_bundle {
        Some(path) => Some(tokio::fs::read(path).await.map_err(|source| {
            let path = path.display().to_string();
            StartError::CaBundle { path, source }
        })?),
        None => None,
    };
    let http = http_client(&TransportOptions { extra_ca_pem, ..TransportOptions::default() })?;
    let config = CredentialConfig::from_env(args.credential, |name| std::env::var(name).ok())?;
    let credential = Credential::new(config, cloud, Arc::clone(&http))?;
    let options = ArmOptions { observer: metrics, ..ArmOptions::default() };
    Ok(ArmClient::new(cloud.clone(), credential, http, options))
}

/// Connects to the cluster and checks that what the operator watches can be read.
async fn kubernetes(args: &KubernetesArgs) -> Result<(Client, String), StartError> {
    let config = Config::infer().await.map_err(StartError::KubeConfig)?;
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(StartError::KubeClient)?;
    let check = async {
        check_definition(&client, args.watch_namespace.as_deref()).await?;
        cluster_name(args, &client).await
    };
    match tokio::time::timeout(START_TIMEOUT, check).await {
        Ok(Ok(name)) => Ok((client, name)),
        // What is no answer of the API server came from the way to it.
        Ok(Err(StartError::Refused { source, .. })) if !matches!(source, kube::Error::Api(_)) => {
            Err(StartError::Unreachable { url, source: source.into() })
        }
        Ok(Err(error)) => Err(error),
        Err(elapsed) => Err(StartError::Unreachable { url, source: elapsed.into() }),
    }
}

async fn check_definition(client: &Client, namespace: Option<&str>) -> Result<(), StartError> {
    let api: Api<PostgresBackup> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    check_list(&api, "PostgresBackup", "list PostgresBackups").await?;
    let grants: Api<PostgresBackupGrant> = Api::all(client.clone());
    check_list(&grants, "PostgresBackupGrant", "list PostgresBackupGrants").await?;
    check_list(&Api::<Namespace>::all(client.clone()), "Namespace", "list namespaces").await
}

async fn check_list<K>(api: &Api<K>, kind: &'static str, what: &'static str) -> Result<(), StartError>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Err(StartError::CrdMissing(kind)),
        Err(source) => Err(refused(what, source)),
    }
}

async fn cluster_name(args: &KubernetesArgs, client: &Client) -> Result<String, StartError> {
    if let Some(name) = &args.cluster_name {
        return Ok(name.clone());
    }
    let what = "read the namespace kube-system, whose UID names the cluster unless --cluster-name does";
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = namespaces.get("kube-system").await.map_err(|source| refused(what, source))?;
    namespace.uid().ok_or(StartError::ClusterUnnamed)
}

fn refused(what: &'static str, source: kube::Error) -> StartError {
    match &source {
        kube::Error::Api(status) if status.code == 403 => StartError::Forbidden { what, source },
        _ => StartError::Refused { what, source },
    }
}

fn announce(args: &RunArgs, cloud: &Cloud, cluster_name: &str, server: &Server) {
    let version = args.azure.api_version;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cloud = %cloud.name(),
        arm_endpoint = cloud.arm_endpoint(),
        api_version = %version,
        cluster_name,
        namespace = args.kubernetes.watch_namespace.as_deref().unwrap_or("all"),
        listen = %server.address(),
        "Starting",
    );
    for limitation in version.limitations() {
        tracing::warn!(api_version = %version, code = limitation.code(), "{limitation}");
    }
}

fn cancel_on_signal(shutdown: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("Asked to stop; letting running passes finish");
        shutdown.cancel();
    })
}
