//! What can go wrong with a control plane.

use std::{io, path::PathBuf, time::Duration};

use kube::runtime::wait;

use super::{AssetsError, KeysError};
use crate::process::ProcessError;

/// Why a control plane could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// Its programs are not there and could not be built.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// Its certificates and keys could not be made.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Its files could not be read or written, or there is no free port.
    #[error("cannot prepare the control plane")]
    Prepare(#[source] io::Error),
    /// One of its programs could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The client that asks for readiness could not be built.
    #[error("cannot build the HTTP client that asks /readyz")]
    Probe(#[source] Option<reqwest::Error>),
    /// A program ended instead of serving.
    #[error("{name} ended before it was ready; the end of its log:\n{log}")]
    Ended {
        /// Name of the program.
        name: String,
        /// The last lines it wrote.
        log: String,
    },
    /// The API server did not become ready.
    #[error(
        "kube-apiserver was not ready within {within:?}: {answer}; the end of its log:\n{api_server}\nthe end of etcd's log:\n{etcd}"
    )]
    NotReady {
        /// How long it was given.
        within: Duration,
        /// What it answered last.
        answer: String,
        /// The last lines that kube-apiserver wrote.
        api_server: String,
        /// The last lines that etcd wrote.
        etcd: String,
    },
    /// The API server refused a request.
    #[error("a request to the API server failed")]
    Kube(#[from] Box<kube::Error>),
    /// An object could not be watched.
    #[error("a watch failed")]
    Watch(#[from] wait::Error),
    /// The audit log holds something else than audit events.
    #[error("cannot parse the audit log {}", path.display())]
    Audit {
        /// The log.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
