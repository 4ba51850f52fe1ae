//! Why the operator cannot start, or ended by itself.

use super::definitions::DefinitionError;
use crate::azure::{CloudError, CredentialError, TransportError};
use crate::leader::{LeaseLost, TimingError};
use crate::server::ServerError;
use crate::telemetry::TelemetryError;

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
    /// The CustomResourceDefinition lacks what the operator needs.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
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
    /// The times of leader election do not go together.
    #[error("leader election cannot be held with these times (--leader-election-…)")]
    Timing(#[from] TimingError),
    /// It is not known where the Lease is.
    #[error(
        "leader election needs to know the namespace of its Lease; give it with --leader-election-namespace, or run a single \
         replica with --leader-elect=false"
    )]
    LeaseNamespace,
    /// The server for probes and metrics cannot start.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Why the operator ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Another replica leads.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
    /// The server for probes and metrics broke down.
    #[error("the server for probes and metrics broke down")]
    Server(#[source] std::io::Error),
}
