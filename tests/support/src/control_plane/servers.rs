//! Starts etcd and kube-apiserver and waits until they serve.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, runtime::wait::await_condition};

use super::{ControlPlaneError, assets::Assets, audit, keys::Keys};
use crate::{
    process::{Process, ProcessError, Program},
    work_dir::WorkDir,
};

/// A start takes about five seconds on two idle cores; the rest is for a machine that compiles at the same time.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// How often readiness is asked for.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Namespaces that kube-apiserver creates by itself, some time after it calls itself ready.
const SYSTEM_NAMESPACES: [&str; 2] = ["default", "kube-system"];

/// A program that can be killed and started again as it was.
#[derive(Debug)]
pub(super) struct Server {
    program: Program,
    name: &'static str,
    directory: PathBuf,
    starts: AtomicU32,
    process: Mutex<Arc<Process>>,
}

impl Server {
    fn start(program: Program, name: &'static str, directory: &Path) -> Result<Self, ProcessError> {
        let process = Mutex::new(Arc::new(program.spawn(&directory.join(format!("{name}.log")))?));
        Ok(Self { program, name, directory: directory.to_owned(), starts: AtomicU32::new(1), process })
    }

    /// The process as it now is.
    pub(super) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts it again, with a log of its own.
    pub(super) fn start_again(&self) -> Result<(), ProcessError> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed) + 1;
        let process = self.program.spawn(&self.directory.join(format!("{}-{start}.log", self.name)))?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
        Ok(())
    }
}

/// The two processes. The API server is dropped first: it would complain for the rest of its life about a lost etcd.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) api_server: Server,
    pub(super) etcd: Server,
    /// `https://127.0.0.1:{port}`
    pub(super) url: String,
    pub(super) audit_log: PathBuf,
}

impl Servers {
    /// Starts both on ports that were free a moment ago.
    pub(super) fn spawn(assets: &Assets, keys: &Keys, work: &WorkDir) -> Result<Self, ControlPlaneError> {
        let etcd_url = format!("http://127.0.0.1:{}", free_port().map_err(ControlPlaneError::Prepare)?);
        let etcd = Program::new(&assets.etcd)
            .arg("--name=test")
            .arg(format!("--data-dir={}", work.join("etcd").display()))
            .arg(format!("--listen-client-urls={etcd_url}"))
            .arg(format!("--advertise-client-urls={etcd_url}"))
            // No peers: any port will do.
            .arg("--listen-peer-urls=http://127.0.0.1:0")
            // Nobody reads the data after a power cut.
            .arg("--unsafe-no-fsync");
        let etcd = Server::start(etcd, "etcd", work.path())?;

        let port = free_port().map_err(ControlPlaneError::Prepare)?;
        let audit_log = work.join("audit.log");
        let audit_policy = work.join("audit-policy.yaml");
        std::fs::write(&audit_policy, audit::POLICY).map_err(ControlPlaneError::Prepare)?;
        let flag = |name: &str, path: &PathBuf| format!("--{name}={}", path.display());
        let api_server = Program::new(&assets.kube_apiserver)
            .arg(format!("--etcd-servers={etcd_url}"))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={port}"))
            // Endpoints of the `kubernetes` service may not be on the loopback interface, and nobody needs them here.
            .arg("--endpoint-reconciler-type=none")
            .arg("--service-cluster-ip-range=10.0.0.0/24")
            .arg(flag("tls-cert-file", &keys.serving_certificate))
            .arg(flag("tls-private-key-file", &keys.serving_key))
            .arg(flag("token-auth-file", &keys.tokens))
            .arg("--authorization-mode=RBAC")
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(flag("service-account-key-file", &keys.account_public_key))
            .arg(flag("service-account-signing-key-file", &keys.account_signing_key))
            // It waits for a controller that is not there to create the service account `default` before any pod.
            .arg("--disable-admission-plugins=ServiceAccount")
            .arg(flag("audit-policy-file", &audit_policy))
            .arg(flag("audit-log-path", &audit_log))
            // Whoever counts requests counts them all: the log is not rotated.
            .arg("--audit-log-maxsize=0");
        let api_server = Server::start(api_server, "kube-apiserver", work.path())?;
        Ok(Self { api_server, etcd, url: format!("https://127.0.0.1:{port}"), audit_log })
    }

    /// Waits until `/readyz` says so and the namespaces that every cluster has are there.
    pub(super) async fn ready(&self, keys: &Keys, client: Client) -> Result<(), ControlPlaneError> {
        let started = Instant::now();
        let probe = self.probe(keys)?;
        loop {
            for process in [self.etcd.process(), self.api_server.process()] {
                if process.exit_status().is_some() {
                    return Err(ControlPlaneError::Ended { name: process.name().to_owned(), log: process.log_tail() });
                }
            }
            let answer = match probe.try_clone().ok_or(ControlPlaneError::Probe(None))?.send().await {
                Ok(response) if response.status().is_success() => break,
                Ok(response) => format!("it answers {}", response.status()),
                Err(error) => format!("it does not answer: {error}"),
            };
            if started.elapsed() > READY_WITHIN {
                return Err(self.not_ready(&answer));
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        for name in SYSTEM_NAMESPACES {
            let there = |namespace: Option<&Namespace>| namespace.is_some();
            let wait = await_condition(Api::<Namespace>::all(client.clone()), name, there);
            tokio::time::timeout(READY_WITHIN.saturating_sub(started.elapsed()), wait)
                .await
                .map_err(|_| self.not_ready(&format!("it has no namespace {name}")))??;
        }
        Ok(())
    }

    /// Whether another process took a port between the choice and the start.
    pub(super) fn lost_port(&self) -> bool {
        [&self.etcd, &self.api_server].iter().any(|server| server.process().log().contains("address already in use"))
    }

    fn probe(&self, keys: &Keys) -> Result<reqwest::RequestBuilder, ControlPlaneError> {
        let ca = std::fs::read(&keys.ca).map_err(ControlPlaneError::Prepare)?;
        let certificate = reqwest::Certificate::from_pem(&ca).map_err(|error| ControlPlaneError::Probe(Some(error)))?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| ControlPlaneError::Probe(Some(error)))?;
        Ok(client.get(format!("{}/readyz", self.url)).bearer_auth(&keys.admin_token))
    }

    fn not_ready(&self, answer: &str) -> ControlPlaneError {
        ControlPlaneError::NotReady {
            within: READY_WITHIN,
            answer: answer.to_owned(),
            api_server: self.api_server.process().log_tail(),
            etcd: self.etcd.process().log_tail(),
        }
    }
}

/// A loopback port that nothing listens on at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
