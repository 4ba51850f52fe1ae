//! A temporary directory that disappears with this process.

use std::{
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Waits for the end of its input, which is the end of the process that holds the other end, then removes the directory.
/// The second round is for a file that a dying program created during the first.
const JANITOR: &str = r#"read -r _; rm -rf "$1"; sleep 1; rm -rf "$1""#;

/// A temporary directory, removed when this value is dropped and also when this process is killed or ends without
/// running destructors: the directory of an etcd is some 130 MB.
#[derive(Debug)]
pub struct WorkDir {
    dir: TempDir,
    janitor: Child,
}

impl WorkDir {
    /// Creates the directory under the system's directory for temporary files.
    ///
    /// # Errors
    ///
    /// What the operating system says when it cannot be created.
    pub fn new() -> io::Result<Self> {
        let dir = TempDir::with_prefix("pgbackup-")?;
        let janitor = Command::new("/bin/sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { dir, janitor })
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Path of a file in the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // Nothing is left for the janitor to do; it must be reaped, or it stays a zombie. Neither call can fail for a
        // child that has not been waited for.
        let _killed = self.janitor.kill();
        let _reaped = self.janitor.wait();
    }
}
