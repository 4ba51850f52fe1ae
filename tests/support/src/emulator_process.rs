//! The emulated Azure as a process of its own, told through its admin API what happens in it.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;

use crate::{
    operator::AzureEndpoints,
    process::{Process, ProcessError, Program},
};

/// How long the emulator may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often it is looked whether it does.
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// Why the emulator could not be started or told something.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorProcessError {
    /// It could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended, or did not listen in time.
    #[error("the emulator does not listen; the end of its log:\n{0}")]
    NotListening(String),
    /// The certificate authority that it has written cannot be read.
    #[error("cannot read the emulator's certificate authority")]
    CaFile(#[source] io::Error),
    /// A request to its admin API did not get through.
    #[error("cannot reach the emulator's admin API")]
    Unreachable(#[from] reqwest::Error),
    /// The admin API refused a request.
    #[error("the emulator refuses {method} /_admin/{path} with {status}: {answer}")]
    Refused {
        /// The method.
        method: Method,
        /// The path below `/_admin/`.
        path: String,
        /// Status of the answer.
        status: u16,
        /// Its body.
        answer: String,
    },
}

/// A running emulator. It is killed when this value is dropped or this process ends.
#[derive(Debug)]
pub struct EmulatorProcess {
    process: Process,
    url: String,
    ca_file: PathBuf,
    http: reqwest::Client,
}

impl EmulatorProcess {
    /// Starts the program `binary` on a port of its own, with more arguments, and waits until it listens. Its files go to
    /// `directory`.
    ///
    /// # Errors
    ///
    /// When it does not start or does not listen in time.
    pub async fn start(
        binary: &Path,
        directory: &Path,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Self, EmulatorProcessError> {
        let ca_file = directory.join("azure-ca.pem");
        let ready_file = directory.join("azure-ready.json");
        let process = Program::new(binary)
            .args(["--listen", "127.0.0.1:0", "--ca-out"])
            .arg(&ca_file)
            .arg("--ready-file")
            .arg(&ready_file)
            .args(args)
            .spawn(&directory.join("azure.log"))?;
        let url = listening_url(&process, &ready_file).await?;
        let certificate = std::fs::read(&ca_file).map_err(EmulatorProcessError::CaFile)?;
        let authority = reqwest::Certificate::from_pem(&certificate)?;
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build()?;
        Ok(Self { process, url, ca_file, http })
    }

    /// What the operator must know to find it.
    pub fn endpoints(&self) -> AzureEndpoints {
        AzureEndpoints::emulated(&self.url, &self.ca_file)
    }

    /// Sends a request to the admin API (`tests/emulator/ADMIN.md`); the answer is null when it has no body.
    ///
    /// # Errors
    ///
    /// [`EmulatorProcessError::Refused`] with what the emulator says.
    pub async fn admin(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EmulatorProcessError> {
        let mut request = self.http.request(method.clone(), format!("{}/_admin/{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if !status.is_success() {
            let answer = answer.text().await?;
            return Err(EmulatorProcessError::Refused {
                method,
                path: path.to_owned(),
                status: status.as_u16(),
                answer,
            });
        }
        if status == reqwest::StatusCode::NO_CONTENT { Ok(Value::Null) } else { Ok(answer.json().await?) }
    }

    /// A client that trusts it.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Base URL of Azure Resource Manager, of the token endpoints and of the admin API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// File with its certificate authority.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}

async fn listening_url(process: &Process, ready_file: &Path) -> Result<String, EmulatorProcessError> {
    let started = Instant::now();
    loop {
        if process.exit_status().is_some() || started.elapsed() > READY_WITHIN {
            return Err(EmulatorProcessError::NotListening(process.log_tail()));
        }
        // A file that is not there or not complete yet is read again.
        let ready: Option<Value> = std::fs::read(ready_file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(url) = ready.as_ref().and_then(|ready| ready["url"].as_str()) {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        tokio::time::sleep(PROBE_EVERY).await;
    }
}
