//! Finds the programs of the control plane, building them when there are none.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Provides the programs and prints their directory; see the comment at its top.
const BUILD_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../control-plane/build.sh");

/// Why the programs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// The shell could not be started.
    #[error("cannot run {BUILD_SCRIPT}")]
    Run(#[source] io::Error),
    /// The script failed; it has said why on standard error.
    #[error("{BUILD_SCRIPT} failed; its reason stands above. `make control-plane` runs it alone")]
    Failed,
}

/// Where etcd, kube-apiserver and kubectl are.
#[derive(Debug, Clone)]
pub(super) struct Assets {
    pub(super) etcd: PathBuf,
    pub(super) kube_apiserver: PathBuf,
    pub(super) kubectl: PathBuf,
}

impl Assets {
    /// Takes the programs from `KUBEBUILDER_ASSETS` or from the build folder. The first run in a fresh checkout builds
    /// them, for minutes, and says so on standard error.
    pub(super) async fn locate() -> Result<Self, AssetsError> {
        let output = tokio::process::Command::new("/bin/sh")
            .arg(BUILD_SCRIPT)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(AssetsError::Run)?;
        if !output.status.success() {
            return Err(AssetsError::Failed);
        }
        Ok(Self::in_directory(Path::new(String::from_utf8_lossy(&output.stdout).trim())))
    }

    fn in_directory(directory: &Path) -> Self {
        let kubectl = directory.join("kubectl");
        Self {
            etcd: directory.join("etcd"),
            kube_apiserver: directory.join("kube-apiserver"),
            // setup-envtest brings a kubectl, other providers of KUBEBUILDER_ASSETS may not: then the one in PATH.
            kubectl: if kubectl.exists() { kubectl } else { PathBuf::from("kubectl") },
        }
    }
}
