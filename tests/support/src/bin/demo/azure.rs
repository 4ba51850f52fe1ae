//! The emulated Azure: a process of its own, told through its admin API what happens in it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use test_support::{AzureEndpoints, Process, Program};

/// Real operations take minutes.
const TIME_SCALE: &str = "20";

/// What is in the emulated subscription at the start.
const WORLD: &str = "tests/emulator/worlds/demo.json";

/// How long the emulator may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What is of interest in an entry of the emulator's journal.
#[derive(Debug, Deserialize)]
struct JournalEntry {
    kind: String,
}

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Azure {
    process: Process,
    url: String,
    ca_file: PathBuf,
    http: reqwest::Client,
    world: Value,
}

impl Azure {
    /// Starts the emulator; its files go to `directory`.
    pub(crate) async fn start(binary: &Path, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let ca_file = directory.join("azure-ca.pem");
        let ready_file = directory.join("azure-ready.json");
        let process = Program::new(binary)
            .args(["--listen", "127.0.0.1:0", "--world", WORLD, "--time-scale", TIME_SCALE])
            .arg("--ca-out")
            .arg(&ca_file)
            .arg("--ready-file")
            .arg(&ready_file)
            .spawn(&directory.join("azure.log"))?;
        let url = listening_url(&process, &ready_file).await?;
        let authority = reqwest::Certificate::from_pem(&fs::read(&ca_file)?)?;
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build()?;
        let world = serde_json::from_slice(&fs::read(WORLD)?)?;
        Ok(Self { process, url, ca_file, http, world })
    }
}

async fn listening_url(process: &Process, ready_file: &Path) -> Result<String, Box<dyn Error>> {
    let started = Instant::now();
    loop {
        if process.exit_status().is_some() || started.elapsed() > READY_WITHIN {
            return Err(format!("the emulator does not listen; the end of its log:\n{}", process.log_tail()).into());
        }
        // A file that is not there or not complete yet is read again.
        let ready: Option<Value> = fs::read(ready_file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(url) = ready.as_ref().and_then(|ready| ready["url"].as_str()) {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Azure {
    /// What the operator must know to find it.
    pub(crate) fn endpoints(&self) -> AzureEndpoints {
        AzureEndpoints::emulated(&self.url, &self.ca_file)
    }

    /// Tenant and client id of the workload identity that may sign in.
    pub(crate) fn identity(&self) -> Result<(String, String), Box<dyn Error>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        text(&self.world["tenantId"])
            .zip(text(&self.world["clients"][0]["clientId"]))
            .ok_or_else(|| format!("{WORLD} names no tenant and client").into())
    }

    /// Gives a vault's identity all the roles that Azure Backup asks for on a resource and below it, as the owner of the
    /// resource would with `az role assignment create`.
    pub(crate) async fn grant(&self, vault: &str, scope: &str) -> Result<(), Box<dyn Error>> {
        let grant = json!({ "vault": vault, "scope": scope });
        let answer = self.http.post(format!("{}/_admin/grants", self.url)).json(&grant).send().await?;
        if !answer.status().is_success() {
            return Err(format!("the emulator refuses the grant: {} {}", answer.status(), answer.text().await?).into());
        }
        Ok(())
    }

    /// How many requests of each kind the emulator has answered so far, by the names of its journal.
    pub(crate) async fn requests(&self) -> Result<BTreeMap<String, usize>, Box<dyn Error>> {
        let answer = self.http.get(format!("{}/_admin/journal", self.url)).send().await?.error_for_status()?;
        let mut counts = BTreeMap::new();
        for entry in answer.json::<Vec<JournalEntry>>().await? {
            *counts.entry(entry.kind).or_default() += 1;
        }
        Ok(counts)
    }

    /// The process.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// Base URL of Azure Resource Manager and of the admin API.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// File with its certificate authority.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }
}
