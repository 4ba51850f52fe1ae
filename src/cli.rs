//! The command line. Every setting can also be given as an environment variable.

mod leader_election;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::api::crd;
use crate::azure::{ApiVersion, Cloud, CloudError, CloudName, CloudOverrides, CredentialKind};

pub use leader_election::LeaderElectionArgs;

/// The ServiceAccount whose identity a grant uses unless it or the settings name another.
pub const DEFAULT_SERVICE_ACCOUNT: &str = "postgres-backup";

/// Keeps Azure PostgreSQL databases protected in an Azure Backup vault, as PostgresBackup objects in Kubernetes ask.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until it is asked to stop.
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinitions as YAML.
    Crd {
        /// Only this one: postgresbackups or postgresbackupgrants.
        #[arg(value_name = "PLURAL", value_parser = parse_kind)]
        kind: Option<crd::Kind>,
    },
}

/// The settings of the operator.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// How it reaches Azure.
    #[command(flatten)]
    pub azure: AzureArgs,
    /// What it looks after in Kubernetes.
    #[command(flatten)]
    pub kubernetes: KubernetesArgs,
    /// How replicas take turns.
    #[command(flatten)]
    pub leader_election: LeaderElectionArgs,
    /// How often and how long.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// How it holds mass deletion.
    #[command(flatten)]
    pub brake: BrakeArgs,
    /// What it shows of itself.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What it logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// How the operator reaches Azure.
#[derive(Debug, Args)]
#[command(next_help_heading = "Azure")]
pub struct AzureArgs {
    /// The Azure cloud that the vaults are in.
    /// public, us-government, china, or custom, for which endpoint, authority host and Key Vault suffix have to be given.
    #[arg(long, env = "PGBACKUP_CLOUD", value_name = "NAME", default_value_t)]
    pub cloud: CloudName,
    /// Resource Manager endpoint, in place of the cloud's own (https only).
    #[arg(long, env = "PGBACKUP_ARM_ENDPOINT", value_name = "URL")]
    pub arm_endpoint: Option<String>,
    /// Audience of the tokens for Resource Manager, in place of the cloud's own.
    #[arg(long, env = "PGBACKUP_ARM_AUDIENCE", value_name = "URL")]
    pub arm_audience: Option<String>,
    /// Microsoft Entra ID endpoint, in place of the cloud's own (https only).
    #[arg(long, env = "AZURE_AUTHORITY_HOST", value_name = "URL")]
    pub authority_host: Option<String>,
    /// What the hosts of Key Vaults end with, in place of the cloud's own.
    #[arg(long, env = "PGBACKUP_KEY_VAULT_SUFFIX", value_name = "SUFFIX")]
    pub key_vault_suffix: Option<String>,
    /// Version of the Data Protection REST API to speak.
    #[arg(long, env = "PGBACKUP_API_VERSION", value_name = "VERSION", default_value_t)]
    pub api_version: ApiVersion,
    /// How to sign in: auto, workload-identity, managed-identity, client-secret or azure-cli.
    /// The details come from the variables that Azure's SDKs read (AZURE_CLIENT_ID, AZURE_TENANT_ID, …).
    #[arg(long, env = "PGBACKUP_CREDENTIAL", value_name = "KIND", default_value_t)]
    pub credential: CredentialKind,
    /// PEM file with certificate authorities to trust for Azure besides the system's, for a proxy that inspects TLS.
    #[arg(long, env = "PGBACKUP_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}

impl AzureArgs {
    /// The cloud that they describe.
    ///
    /// # Errors
    /// What is missing or cannot be used.
    pub fn cloud(&self) -> Result<Cloud, CloudError> {
        let overrides = CloudOverrides {
            arm_endpoint: self.arm_endpoint.clone(),
            audience: self.arm_audience.clone(),
            authority_host: self.authority_host.clone(),
            key_vault_suffix: self.key_vault_suffix.clone(),
        };
        Cloud::new(self.cloud, overrides)
    }
}

/// What the operator looks after.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArgs {
    /// Look after the PostgresBackups of this namespace only; may be repeated, or name several with commas between them.
    /// Grants then count all the same, and their status is left alone.
    #[arg(long, env = "PGBACKUP_WATCH_NAMESPACE", value_name = "NAMESPACE", value_delimiter = ',')]
    pub watch_namespace: Vec<String>,
    /// Name of this cluster in the owner tags of backup instances. Give one that survives a rebuild of the cluster;
    /// the default is the UID of the namespace kube-system, which does not.
    #[arg(long, env = "PGBACKUP_CLUSTER_NAME", value_name = "NAME", value_parser = parse_cluster_name)]
    pub cluster_name: Option<String>,
    /// Name of the ServiceAccounts in the namespaces of PostgresBackups whose identities a PostgresBackupGrant may let the
    /// operator use. Its right to their tokens is limited to this name (`workloadServiceAccount` in the chart).
    #[arg(long, env = "PGBACKUP_SERVICE_ACCOUNT", value_name = "NAME", default_value = DEFAULT_SERVICE_ACCOUNT,
        value_parser = parse_service_account)]
    pub service_account: String,
    /// How many objects are worked on at the same time.
    #[arg(long, env = "PGBACKUP_CONCURRENCY", value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
}

/// How often and how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// How often a healthy backup instance is looked at.
    #[arg(long, env = "PGBACKUP_DRIFT_INTERVAL", value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub drift_interval: Duration,
    /// How long an object may take to become ready before it counts as stalled.
    #[arg(long, env = "PGBACKUP_DEADLINE", value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    pub deadline: Duration,
    /// How often a backup instance on its way to another state is looked at, until Azure has named an interval.
    #[arg(long, env = "PGBACKUP_POLL_INTERVAL", value_name = "DURATION", default_value = "15s", value_parser = parse_duration)]
    pub poll_interval: Duration,
}

/// How the operator holds mass deletion.
#[derive(Debug, Args)]
#[command(next_help_heading = "Brake on mass deletion")]
pub struct BrakeArgs {
    /// How many backup instances may be deleted within --brake-window; further deletions wait.
    #[arg(long, env = "PGBACKUP_BRAKE_DELETIONS", value_name = "N", default_value_t = 10)]
    pub brake_deletions: usize,
    /// The time in which --brake-deletions are counted.
    #[arg(long, env = "PGBACKUP_BRAKE_WINDOW", value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub brake_window: Duration,
}

/// What the operator shows of itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Probes and metrics")]
pub struct ServerArgs {
    /// Address of /livez, /readyz and /metrics. Port 0 picks a free one.
    #[arg(long, env = "PGBACKUP_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// File to write the address to once it is bound.
    #[arg(long, env = "PGBACKUP_LISTEN_FILE", value_name = "FILE")]
    pub listen_file: Option<PathBuf>,
}

/// What the operator logs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// What to log: a level, or directives like info,postgres_backup_operator=debug.
    #[arg(long, env = "PGBACKUP_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Format of the log.
    #[arg(long, env = "PGBACKUP_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// The formats of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// An object per line.
    Json,
    /// Lines for people.
    Text,
}

fn parse_kind(text: &str) -> Result<crd::Kind, String> {
    let named = crd::Kind::ALL.into_iter().find(|kind| kind.plural() == text);
    named.ok_or_else(|| format!("expected {}", crd::Kind::ALL.map(crd::Kind::plural).join(" or ")))
}

fn parse_service_account(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if (1..=253).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a ServiceAccount".to_owned())
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "expected a duration like 30s, 10m or 1h30m".to_owned())?;
    match Duration::try_from(duration) {
        Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        _ => Err("expected a duration of at least one second".to_owned()),
    }
}

fn parse_cluster_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=63).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 63 letters, digits, '-', '_' or '.'".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_read_and_senseless_ones_refused() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h30m", 5400), ("1h 30m", 5400)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "10", "0s", "-5s", "200ms", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_unknown_api_version_is_refused_with_the_known_ones() {
        let error =
            Cli::try_parse_from(["postgres-backup-operator", "run", "--api-version", "2020-01-01"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("2020-01-01") && text.contains("2026-03-01"), "{text}");
    }
}
