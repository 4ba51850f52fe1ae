//! What can go wrong with a measurement.

use std::io;
use std::path::PathBuf;

use test_support::{AccountError, ControlPlaneError, EmulatorProcessError, KubectlError, OperatorError};

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The control plane did not start or cannot be read.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// The operator's ServiceAccount cannot be used.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A manifest was not applied.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The emulator did not start, or refuses what it is told.
    #[error(transparent)]
    Emulator(#[from] EmulatorProcessError),
    /// The operator did not start or stop.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// The API server refused a request.
    #[error("the API server refused a request")]
    Kube(#[from] kube::Error),
    /// A result is no JSON, or JSON is not what was expected.
    #[error("unexpected JSON")]
    Json(#[from] serde_json::Error),
    /// A process or the machine cannot be looked at.
    #[error("cannot read {}", path.display())]
    Proc {
        /// The file in /proc.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The audit log cannot be read.
    #[error("cannot read the audit log")]
    Audit(#[source] io::Error),
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The emulator lets nobody sign in.
    #[error("the emulator issued no token: {0}")]
    Token(String),
}
