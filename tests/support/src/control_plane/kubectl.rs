//! Runs kubectl, as a user would.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::io::AsyncWriteExt;

/// Why a kubectl command gave no result.
#[derive(Debug, thiserror::Error)]
pub enum KubectlError {
    /// kubectl could not be started, or its pipes broke.
    #[error("cannot run kubectl ({program})")]
    Run {
        /// Path of kubectl.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// kubectl ended with an error, most often because the API server refused the request.
    #[error("`kubectl {command}` failed ({status}):\n{stderr}")]
    Refused {
        /// The arguments.
        command: String,
        /// How kubectl ended.
        status: ExitStatus,
        /// What it printed on standard error, which holds the server's message.
        stderr: String,
    },
}

/// A kubectl for one user of one cluster, untouched by the configuration and caches of the person who runs it.
#[derive(Debug, Clone)]
pub struct Kubectl {
    pub(super) program: PathBuf,
    pub(super) kubeconfig: PathBuf,
    pub(super) cache: PathBuf,
}

impl Kubectl {
    /// The same kubectl for another user.
    #[must_use]
    pub fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }

    /// Path of the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// A command for a caller who handles its streams; it is killed when the caller drops it.
    pub fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(args)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache)
            .env("KUBERC", "off")
            .kill_on_drop(true);
        command
    }

    /// Runs a command and returns what it printed on standard output.
    ///
    /// # Errors
    ///
    /// [`KubectlError::Refused`] when it exits with an error.
    pub async fn run(&self, args: &[&str]) -> Result<String, KubectlError> {
        self.run_with_input(args, "").await
    }

    /// Runs a command that reads `input` from standard input, such as `apply -f -`.
    ///
    /// # Errors
    ///
    /// [`KubectlError::Refused`] when it exits with an error.
    pub async fn run_with_input(&self, args: &[&str], input: &str) -> Result<String, KubectlError> {
        let failed = |source| KubectlError::Run { program: self.program.clone(), source };
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(input.as_bytes()).await {
                // kubectl may refuse its arguments before it reads; its exit status then says so.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written.map_err(failed)?,
            }
        }
        let output = child.wait_with_output().await.map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(KubectlError::Refused {
            command: args.join(" "),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
