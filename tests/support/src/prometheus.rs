//! A real Prometheus, to scrape the operator and to evaluate queries, and promtool.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Process, ProcessError, Program};
use crate::work_dir::WorkDir;

/// Builds the programs and prints their directory; see the comment at its top.
const BUILD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/build.sh");

/// How long a start may take. It takes a second; the rest is for a machine that compiles at the same time.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How often readiness is asked for.
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// Why Prometheus could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// A file or the shell could not be used.
    #[error("cannot prepare Prometheus")]
    Prepare(#[from] io::Error),
    /// The programs could not be built; why stands on standard error.
    #[error("{BUILD_SCRIPT} prometheus failed; its reason stands above")]
    Build,
    /// It could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not become ready.
    #[error("Prometheus was not ready within {READY_WITHIN:?}; the end of its log:\n{log}")]
    NotReady {
        /// The last lines that it wrote.
        log: String,
    },
    /// It did not answer.
    #[error("Prometheus does not answer")]
    Connection(#[from] reqwest::Error),
    /// It refused the request, for instance a query that cannot be parsed.
    #[error("Prometheus refuses {path}: {answer}")]
    Refused {
        /// The path of the request.
        path: String,
        /// What it answered.
        answer: Value,
    },
}

/// A running Prometheus that scrapes one target. It is killed when this value is dropped or this process ends.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    url: String,
    // Dropped after the process that writes to it.
    _work: WorkDir,
}

impl Prometheus {
    /// Starts one that scrapes `target` this often under the job name `postgres-backup-operator`, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it cannot be built or started.
    pub async fn scraping(target: SocketAddr, every: Duration) -> Result<Self, PrometheusError> {
        let programs = programs().await?;
        let work = WorkDir::new()?;
        let config = work.join("prometheus.yml");
        let every = every.as_millis();
        let text = format!(
            "global: {{ scrape_interval: {every}ms, scrape_timeout: {every}ms }}\n\
             scrape_configs:\n\
             - job_name: postgres-backup-operator\n  static_configs: [{{ targets: ['{target}'] }}]\n"
        );
        std::fs::write(&config, text)?;
        let process = Program::new(programs.join("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", work.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .spawn(&work.join("prometheus.log"))?;
        let started = Instant::now();
        while started.elapsed() < READY_WITHIN && process.exit_status().is_none() {
            if let Some(url) = listening(&process.log())
                && let Ok(answer) = reqwest::get(format!("{url}/-/ready")).await
                && answer.status().is_success()
            {
                return Ok(Self { process, url, _work: work });
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        Err(PrometheusError::NotReady { log: process.log_tail() })
    }

    /// The process, for its log.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The member `data` of the answer to a GET of `/api/v1/{path}` with these parameters.
    ///
    /// # Errors
    ///
    /// [`PrometheusError::Refused`] with what it answered.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, PrometheusError> {
        let url = format!("{}/api/v1/{path}", self.url);
        let mut url: reqwest::Url = url.parse().map_err(|_| io::Error::other(url))?;
        url.query_pairs_mut().extend_pairs(parameters);
        let body = reqwest::get(url).await?.bytes().await?;
        let mut answer: Value = serde_json::from_slice(&body).map_err(io::Error::other)?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].take()),
            _ => Err(PrometheusError::Refused { path: path.to_owned(), answer }),
        }
    }

    /// The names of the metrics that a query reads, as Prometheus parses it.
    ///
    /// # Errors
    ///
    /// [`PrometheusError::Refused`] when it cannot be parsed.
    pub async fn metrics_of(&self, query: &str) -> Result<Vec<String>, PrometheusError> {
        fn collect(node: &Value, names: &mut Vec<String>) {
            if let Some(name) =
                node["name"].as_str().filter(|_| node["type"] == "vectorSelector" || node["type"] == "matrixSelector")
            {
                names.push(name.to_owned());
            }
            let children: Box<dyn Iterator<Item = &Value>> = match node {
                Value::Object(members) => Box::new(members.values()),
                Value::Array(items) => Box::new(items.iter()),
                _ => return,
            };
            children.for_each(|child| collect(child, names));
        }
        let mut names = Vec::new();
        collect(&self.get("parse_query", &[("query", query)]).await?, &mut names);
        Ok(names)
    }
}

/// Where the log says that Prometheus listens.
fn listening(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let address = line.split("address=").nth(1)?.split_whitespace().next()?;
    Some(format!("http://{address}"))
}

/// Runs promtool in a directory.
///
/// # Errors
///
/// When it cannot be built or started. That it finds fault is no error.
pub async fn promtool(args: &[&str], directory: &Path) -> Result<Output, PrometheusError> {
    let mut command = tokio::process::Command::new(programs().await?.join("promtool"));
    Ok(command.args(args).current_dir(directory).stdin(Stdio::null()).kill_on_drop(true).output().await?)
}

/// The directory of the programs. The first run in a fresh checkout builds them, for minutes, and says so on standard error.
async fn programs() -> Result<PathBuf, PrometheusError> {
    let mut build = tokio::process::Command::new("/bin/sh");
    let build = build.args([BUILD_SCRIPT, "prometheus"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = build.kill_on_drop(true).output().await?;
    if !output.status.success() {
        return Err(PrometheusError::Build);
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
