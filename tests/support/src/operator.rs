//! The operator as its own process, as the kubelet would run it.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use crate::{
    process::{Process, ProcessError, Program},
    secrets,
    work_dir::WorkDir,
};

/// The audience of the service-account tokens that Microsoft Entra ID exchanges for its own.
pub const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// How long the operator may take to answer its readiness probe.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often it is asked.
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// The grace period of `deploy/install.yaml`.
const GRACE_PERIOD: Duration = Duration::from_secs(75);

/// Why the operator could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Its directory could not be created.
    #[error("cannot create a directory for the operator")]
    Prepare(#[source] io::Error),
    /// It could not be started, or did not stop.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended instead of becoming ready.
    #[error("the operator ended before it was ready ({}); the end of its log:\n{log}", show(*status))]
    Ended {
        /// How it ended.
        status: Option<ExitStatus>,
        /// The last lines it wrote.
        log: String,
    },
    /// It did not become ready.
    #[error("the operator was not ready within {within:?}: {answer}; the end of its log:\n{log}")]
    NotReady {
        /// How long it was given.
        within: Duration,
        /// What its probe said last.
        answer: String,
        /// The last lines it wrote.
        log: String,
    },
}

fn show(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "exit status unknown".to_owned(), |status| status.to_string())
}

/// Where the operator finds Azure.
#[derive(Debug, Clone)]
pub struct AzureEndpoints {
    /// Base URL of Azure Resource Manager.
    pub resource_manager: String,
    /// Audience of its tokens.
    pub audience: String,
    /// Base URL of Microsoft Entra ID.
    pub authority: String,
    /// Host suffix of Key Vaults, without a leading dot.
    pub key_vault_suffix: String,
    /// File with the certificate authorities to trust besides the system's, PEM.
    pub ca_file: PathBuf,
}

impl AzureEndpoints {
    /// One server in place of all of Azure, as the emulator is.
    pub fn emulated(url: &str, ca_file: &Path) -> Self {
        Self {
            resource_manager: url.to_owned(),
            // An audience is a name, not an address: the emulator accepts the public cloud's.
            audience: "https://management.azure.com/".to_owned(),
            authority: url.to_owned(),
            key_vault_suffix: "vault.azure.net".to_owned(),
            ca_file: ca_file.to_owned(),
        }
    }
}

/// The workload identity that the operator signs in with.
#[derive(Debug, Clone)]
pub struct WorkloadIdentity {
    /// Client id of the managed identity or application.
    pub client_id: String,
    /// Its tenant.
    pub tenant_id: String,
    /// File with the service account's token for [`EXCHANGE_AUDIENCE`].
    pub token_file: PathBuf,
}

/// How to start an operator. Start it again with the same options to see what it makes of its predecessor's work.
#[derive(Debug, Clone)]
pub struct OperatorOptions {
    /// Kubeconfig file, with the rights that the operator is to have.
    pub kubeconfig: PathBuf,
    /// Azure.
    pub azure: AzureEndpoints,
    /// Who it is for Azure.
    pub identity: WorkloadIdentity,
    /// The only namespace it looks at; `None` for all.
    pub watch_namespace: Option<String>,
    /// More arguments.
    pub args: Vec<OsString>,
    /// More environment variables.
    pub env: Vec<(OsString, OsString)>,
}

impl OperatorOptions {
    /// An operator that looks at all namespaces.
    pub fn new(kubeconfig: PathBuf, azure: AzureEndpoints, identity: WorkloadIdentity) -> Self {
        Self { kubeconfig, azure, identity, watch_namespace: None, args: Vec::new(), env: Vec::new() }
    }
}

/// A running operator. It is killed when this value is dropped or this process ends.
#[derive(Debug)]
pub struct OperatorProcess {
    process: Process,
    listen_file: PathBuf,
    // Dropped after the process that writes to it.
    _work: WorkDir,
}

impl OperatorProcess {
    /// Starts the program `binary`. It need not be ready when this returns: see [`Self::wait_ready`].
    ///
    /// # Errors
    ///
    /// When the program does not exist.
    pub fn start(binary: &Path, options: &OperatorOptions) -> Result<Self, OperatorError> {
        let work = WorkDir::new().map_err(OperatorError::Prepare)?;
        let listen_file = work.join("listen");
        let mut program = Program::new(binary)
            .arg("run")
            .arg("--listen=127.0.0.1:0")
            .arg("--listen-file")
            .arg(&listen_file)
            .args(["--cloud", "custom", "--arm-endpoint", &options.azure.resource_manager])
            .args(["--arm-audience", &options.azure.audience, "--authority-host", &options.azure.authority])
            .args(["--key-vault-suffix", &options.azure.key_vault_suffix])
            .arg("--ca-bundle")
            .arg(&options.azure.ca_file)
            .args(["--credential", "workload-identity"])
            .env("KUBECONFIG", &options.kubeconfig)
            .env("AZURE_CLIENT_ID", &options.identity.client_id)
            .env("AZURE_TENANT_ID", &options.identity.tenant_id)
            .env("AZURE_FEDERATED_TOKEN_FILE", &options.identity.token_file);
        if let Some(namespace) = &options.watch_namespace {
            program = program.args(["--watch-namespace", namespace]);
        }
        program = program.args(&options.args);
        for (name, value) in &options.env {
            program = program.env(name, value);
        }
        let process = program.spawn(&work.join("operator.log"))?;
        Ok(Self { process, listen_file, _work: work })
    }

    /// Waits until `/readyz` answers 200, and returns the address of the probes and metrics.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] with the end of the log when the operator ends or does not become ready.
    pub async fn wait_ready(&self) -> Result<SocketAddr, OperatorError> {
        let started = Instant::now();
        loop {
            if self.process.exit_status().is_some() {
                return Err(OperatorError::Ended { status: self.process.exit_status(), log: self.process.log_tail() });
            }
            let answer = match self.address() {
                None => format!("it has not written its address to {}", self.listen_file.display()),
                Some(address) => match reqwest::get(format!("http://{address}/readyz")).await {
                    Ok(response) if response.status().is_success() => return Ok(address),
                    Ok(response) => format!("/readyz answers {}", response.status()),
                    Err(error) => format!("/readyz does not answer: {error}"),
                },
            };
            if started.elapsed() > READY_WITHIN {
                return Err(OperatorError::NotReady { within: READY_WITHIN, answer, log: self.process.log_tail() });
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// The process, for its id, exit status and log.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// All that the operator has printed so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// SIGKILL: a crash.
    pub async fn kill(&self) -> Option<ExitStatus> {
        self.process.kill().await
    }

    /// SIGTERM and the grace period, as when a pod is deleted.
    ///
    /// # Errors
    ///
    /// [`ProcessError::StillRunning`] when the operator does not stop in time.
    pub async fn terminate(&self) -> Result<Option<ExitStatus>, OperatorError> {
        Ok(self.process.terminate(GRACE_PERIOD).await?)
    }

    /// The first secret in what the operator has printed.
    fn leak(&self) -> Option<String> {
        secrets::find(&self.process.log())
    }

    /// Address of the probes; `None` until the operator has written it completely.
    fn address(&self) -> Option<SocketAddr> {
        std::fs::read_to_string(&self.listen_file).ok()?.trim().parse().ok()
    }
}

/// Whatever else a test is about: an operator that prints a secret fails it.
impl Drop for OperatorProcess {
    fn drop(&mut self) {
        if let Some(leak) = self.leak()
            && !std::thread::panicking()
        {
            panic!("the operator has printed a secret: {leak}");
        }
    }
}
