//! Puts the operator together and runs it: checks that everything it needs is there, and says so in one message if not.

mod definitions;
mod election;
mod error;

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
use crate::azure::{ArmClient, ArmOptions, Cloud, Credential, CredentialConfig, TransportOptions, http_client};
use crate::cli::{AzureArgs, KubernetesArgs, RunArgs};
use crate::controller::{self, Runtime, Scope, by_name};
use crate::leader::{Elector, Fence};
use crate::metrics::Metrics;
use crate::reconcile::authorize::identities::Identities;
use crate::reconcile::brake::BrakeLimit;
use crate::reconcile::{Clock, Context, Settings};
use crate::server::{Readiness, Server};
use crate::telemetry;

pub use error::{RunError, StartError};

/// How long the API server may take to answer at start-up.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs the operator until the process is asked to stop.
///
/// # Errors
/// Why it cannot start, or not go on.
pub fn run(args: &RunArgs) -> Result<(), RunError> {
    // With two providers in a build rustls would refuse to choose. Only a second call fails, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::from)?;
    let telemetry = {
        let _inside = runtime.enter();
        telemetry::init(&args.log).map_err(StartError::from)?
    };
    let ended = runtime.block_on(serve(args));
    // Who has lost the Lease waits for nothing, not even for its traces to be sent.
    if ended.is_ok() {
        telemetry.finish();
    }
    runtime.shutdown_background();
    ended
}

async fn serve(args: &RunArgs) -> Result<(), RunError> {
    let Assembled { runtime, server, elector } = assemble(args).await?;
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()).map_err(StartError::from)?);
    let (metrics, readiness) = (Arc::clone(&runtime.metrics), Arc::clone(&runtime.readiness));
    let serving = tokio::spawn(server.serve(metrics, readiness, shutdown.clone()));
    let scope = Scope::of(&args.kubernetes.watch_namespace);
    let passes = controller::run(runtime, &scope, args.kubernetes.concurrency, shutdown.clone());
    match elector {
        Some(elector) => elector.run(passes).await?,
        None => passes.await,
    }
    shutdown.cancel();
    if let Ok(served) = serving.await {
        served.map_err(RunError::Server)?;
    }
    tracing::info!("Stopped");
    Ok(())
}

/// The parts of the operator, ready to run.
struct Assembled {
    runtime: Runtime,
    server: Server,
    /// Stands for election, unless this is the only replica.
    elector: Option<Elector>,
}

async fn assemble(args: &RunArgs) -> Result<Assembled, StartError> {
    let cloud = args.azure.cloud()?;
    let candidacy = election::candidacy(&args.leader_election)?;
    let fence = if candidacy.is_some() { Fence::closed() } else { Fence::open() };
    let metrics = Metrics::new(args.kubernetes.concurrency);
    let azure = azure(&args.azure, &cloud, Arc::clone(&metrics), fence.clone()).await?;
    let scope = Scope::of(&args.kubernetes.watch_namespace);
    let config = Config::infer().await.map_err(StartError::KubeConfig)?;
    let (client, cluster_name) = kubernetes(&args.kubernetes, &scope, config.clone()).await?;
    let elector = match candidacy {
        Some(candidacy) => Some(election::elector(candidacy, config, fence.clone(), Arc::clone(&metrics)).await?),
        None => None,
    };
    let server = Server::bind(args.server.listen, args.server.listen_file.as_deref()).await?;
    announce(args, &cloud, &cluster_name, &scope, &server);

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
    let runtime = Runtime { context, metrics, readiness: Arc::new(Readiness::default()), fence };
    Ok(Assembled { runtime, server, elector })
}

async fn azure(args: &AzureArgs, cloud: &Cloud, metrics: Arc<Metrics>, fence: Fence) -> Result<ArmClient, StartError> {
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
    let options = ArmOptions { observer: metrics, gate: Arc::new(fence), ..ArmOptions::default() };
    Ok(ArmClient::new(cloud.clone(), credential, http, options))
}

/// Connects to the cluster and checks that what the operator watches can be read.
async fn kubernetes(args: &KubernetesArgs, scope: &Scope, config: Config) -> Result<(Client, String), StartError> {
    let url = config.cluster_url.to_string();
    let client = Client::try_from(config).map_err(StartError::KubeClient)?;
    let check = async {
        check_rights(&client, scope).await?;
        definitions::check(&client).await?;
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

async fn check_rights(client: &Client, scope: &Scope) -> Result<(), StartError> {
    let any = ListParams::default().limit(1);
    let grants: Api<PostgresBackupGrant> = Api::all(client.clone());
    check_list(&grants, &any, "PostgresBackupGrant", "list PostgresBackupGrants").await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    match scope {
        Scope::Cluster => {
            let backups: Api<PostgresBackup> = Api::all(client.clone());
            check_list(&backups, &any, "PostgresBackup", "list PostgresBackups").await?;
            check_list(&namespaces, &any, "Namespace", "list namespaces").await
        }
        Scope::Namespaces(names) => {
            for name in names {
                let backups: Api<PostgresBackup> = Api::namespaced(client.clone(), name);
                check_list(&backups, &any, "PostgresBackup", "list the PostgresBackups of a watched namespace").await?;
                let by_name = any.clone().fields(&by_name(name));
                check_list(&namespaces, &by_name, "Namespace", "list a watched namespace by its name").await?;
            }
            Ok(())
        }
    }
}

async fn check_list<K>(
    api: &Api<K>,
    params: &ListParams,
    kind: &'static str,
    what: &'static str,
) -> Result<(), StartError>
where
    K: Clone + DeserializeOwned + Debug,
{
    match api.list_metadata(params).await {
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

fn announce(args: &RunArgs, cloud: &Cloud, cluster_name: &str, scope: &Scope, server: &Server) {
    let version = args.azure.api_version;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        cloud = %cloud.name(),
        arm_endpoint = cloud.arm_endpoint(),
        api_version = %version,
        cluster_name,
        namespaces = %scope,
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
