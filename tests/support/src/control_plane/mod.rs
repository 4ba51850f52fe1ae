//! A Kubernetes control plane: a real etcd and a real kube-apiserver on loopback ports.
//!
//! There is no controller-manager and no scheduler. So nothing collects garbage, a deleted namespace stays
//! `Terminating`, and a Deployment never gets a pod.

mod accounts;
mod assets;
mod audit;
mod error;
mod keys;
mod kubeconfig;
mod kubectl;
mod servers;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::KubeConfigOptions,
};
use tokio::sync::OnceCell;

pub use accounts::AccountError;
pub use assets::AssetsError;
pub use audit::{AuditEvent, AuditObject, AuditStatus, AuditTail, AuditUser};
pub use error::ControlPlaneError;
pub use keys::KeysError;
pub use kubectl::{Kubectl, KubectlError};

use crate::{process::Process, work_dir::WorkDir};
use assets::Assets;
use keys::Keys;
use kubeconfig::Kubeconfig;
use servers::Servers;

/// How often a start is tried when another process takes a port first.
const ATTEMPTS: u32 = 3;

/// A running control plane. Everything it started and wrote is gone when this value is dropped or this process ends.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: first the processes, then the directory they write to.
    servers: Servers,
    keys: Keys,
    admin_kubeconfig: PathBuf,
    kubectl: Kubectl,
    files: AtomicU32,
    work: WorkDir,
}

impl ControlPlane {
    /// Starts a control plane of its own and waits until it is ready; about five seconds on two idle cores.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError`] with the end of the log of the program that is at fault.
    pub async fn start() -> Result<Self, ControlPlaneError> {
        let assets = Assets::locate().await?;
        let mut attempt = 1;
        loop {
            let control_plane = Self::spawn(&assets)?;
            let client = control_plane.client().await.map_err(Box::new)?;
            match control_plane.servers.ready(&control_plane.keys, client).await {
                Ok(()) => return Ok(control_plane),
                Err(_) if attempt < ATTEMPTS && control_plane.servers.lost_port() => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn spawn(assets: &Assets) -> Result<Self, ControlPlaneError> {
        let work = WorkDir::new().map_err(ControlPlaneError::Prepare)?;
        let keys = Keys::generate(&work)?;
        let servers = Servers::spawn(assets, &keys, &work)?;
        let admin_kubeconfig = work.join("admin.kubeconfig");
        Kubeconfig {
            server: &servers.url,
            ca: &keys.ca,
            user: "admin",
            token: &keys.admin_token,
            namespace: "default",
        }
        .write(&admin_kubeconfig)
        .map_err(ControlPlaneError::Prepare)?;
        let kubectl = Kubectl {
            program: assets.kubectl.clone(),
            kubeconfig: admin_kubeconfig.clone(),
            cache: work.join("kubectl-cache"),
        };
        Ok(Self { servers, keys, admin_kubeconfig, kubectl, files: AtomicU32::new(0), work })
    }

    /// URL of the API server.
    pub fn url(&self) -> &str {
        &self.servers.url
    }

    /// File with the certificate authority of the API server, PEM.
    pub fn ca_file(&self) -> &Path {
        &self.keys.ca
    }

    /// Kubeconfig file of an administrator who may do everything.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// kubectl for the administrator.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// The processes: etcd and kube-apiserver.
    pub fn processes(&self) -> [Arc<Process>; 2] {
        [self.servers.etcd.process(), self.servers.api_server.process()]
    }

    /// Kills kube-apiserver and leaves it dead.
    pub async fn kill_api_server(&self) {
        self.servers.api_server.process().kill().await;
    }

    /// Starts kube-apiserver again after [`Self::kill_api_server`], at the same address, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError`] with the end of its log.
    pub async fn start_api_server(&self) -> Result<(), ControlPlaneError> {
        self.servers.api_server.start_again()?;
        self.servers.ready(&self.keys, self.client().await.map_err(Box::new)?).await
    }

    /// Kills etcd, starts it again with the same data, and waits until the API server is ready.
    ///
    /// # Errors
    ///
    /// [`ControlPlaneError`] with the end of its log.
    pub async fn restart_etcd(&self) -> Result<(), ControlPlaneError> {
        self.servers.etcd.process().kill().await;
        self.servers.etcd.start_again()?;
        self.servers.ready(&self.keys, self.client().await.map_err(Box::new)?).await
    }

    /// A directory for files that belong to this control plane; it is removed together with it.
    pub fn directory(&self) -> &Path {
        self.work.path()
    }

    /// A new client for the administrator. A client belongs to the tokio runtime it is made in, so tests do not share one.
    ///
    /// # Errors
    ///
    /// When the kubeconfig file cannot be read or TLS cannot be set up.
    pub async fn client(&self) -> Result<Client, kube::Error> {
        client_for(&self.admin_kubeconfig).await
    }

    /// Creates a namespace with a name of its own that begins with `prefix`, and returns the name.
    ///
    /// # Errors
    ///
    /// When the API server refuses, for example a prefix that is no DNS label.
    pub async fn create_namespace(&self, prefix: &str) -> Result<String, ControlPlaneError> {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{prefix}-{}", &unique[..8]);
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        let namespaces = Api::all(self.client().await.map_err(Box::new)?);
        namespaces.create(&PostParams::default(), &namespace).await.map_err(Box::new)?;
        Ok(name)
    }

    /// Applies manifests, given as YAML, as the administrator with `kubectl apply`; returns what kubectl printed.
    ///
    /// # Errors
    ///
    /// [`KubectlError::Refused`] with the server's message.
    pub async fn apply(&self, manifests: &str) -> Result<String, KubectlError> {
        self.kubectl.run_with_input(&["apply", "-f", "-"], manifests).await
    }

    /// All completed requests so far, oldest first, except the API server's own.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn audit_log(&self) -> Result<Vec<AuditEvent>, ControlPlaneError> {
        let path = &self.servers.audit_log;
        let log = std::fs::read_to_string(path).map_err(ControlPlaneError::Prepare)?;
        audit::parse(&log).map_err(|source| ControlPlaneError::Audit { path: path.clone(), source })
    }

    /// Reads the requests that are completed from now on, piece by piece: for logs that are too long to be read again.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn audit_tail(&self) -> Result<AuditTail, ControlPlaneError> {
        AuditTail::at_end(&self.servers.audit_log).map_err(ControlPlaneError::Prepare)
    }

    /// The writes of one object and its subresources so far, oldest first, refused ones included.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn audit_writes(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Vec<AuditEvent>, ControlPlaneError> {
        let mut events = self.audit_log()?;
        events.retain(|event| event.is_write() && event.is_about(resource, namespace, name));
        Ok(events)
    }

    /// A path for a new file in [`Self::directory`] that no other call returns.
    pub(crate) fn new_file(&self, kind: &str) -> PathBuf {
        self.work.join(&format!("{}.{kind}", self.files.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A client with the rights that a kubeconfig file gives.
///
/// # Errors
///
/// When the file cannot be read or TLS cannot be set up.
pub async fn client_for(kubeconfig: &Path) -> Result<Client, kube::Error> {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig)?;
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();

/// The control plane that all tests of one test binary share; the first caller starts it. Each test works in a namespace
/// of its own ([`ControlPlane::create_namespace`]).
///
/// # Errors
///
/// As [`ControlPlane::start`]; the next caller tries again.
pub async fn shared_control_plane() -> Result<&'static ControlPlane, ControlPlaneError> {
    SHARED.get_or_try_init(ControlPlane::start).await
}
