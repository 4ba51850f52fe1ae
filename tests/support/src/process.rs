//! A child process that cannot outlive this one.
//!
//! A destructor is not enough: a test may be killed, and Rust does not drop statics. So each program is started through
//! a small shell watchdog that reads a pipe held by this process. When the pipe closes, for whatever reason, the
//! operating system tells the watchdog, and it kills the program. The same pipe carries the signals that
//! [`Process::terminate`] and [`Process::kill`] send.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

/// Becomes the program itself (`exec`), so that its process id and exit status are the program's. The watcher it leaves
/// behind lives in the same process group, which holds nothing else.
const WATCHDOG: &str = r#"
exec 3<&0 </dev/null
(
    while read -r signal; do kill -s "$signal" $$; done
    kill -s KILL 0
) <&3 3<&- &
exec "$@" 3<&-
"#;

/// How many lines of a log an error message quotes.
const QUOTED_LINES: usize = 25;

/// What can go wrong with a child process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started at all.
    #[error("cannot start {program}")]
    Spawn {
        /// Path of the program.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The program was asked to stop and did not.
    #[error("{name} did not stop within {within:?} of SIGTERM; the end of its log:\n{log}")]
    StillRunning {
        /// Name of the program.
        name: String,
        /// How long it was given.
        within: Duration,
        /// The last lines it wrote.
        log: String,
    },
}

/// A program to start: its path, arguments and complete environment.
///
/// Nothing of the environment of this process is passed on except `PATH`, so that a test behaves the same for everybody.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Program {
    /// A program without arguments.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), args: Vec::new(), env: Vec::new() }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Starts the program; what it prints on both streams goes to the file `log`, which is created or emptied.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Spawn`] when the program does not exist or the log cannot be written.
    pub fn spawn(&self, log: &Path) -> Result<Process, ProcessError> {
        let failed = |source| ProcessError::Spawn { program: self.path.clone(), source };
        std::fs::metadata(&self.path).map_err(failed)?;
        let stdout = File::create(log).map_err(failed)?;
        let stderr = stdout.try_clone().map_err(failed)?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&self.path)
            .args(&self.args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            // A group of its own: the watchdog kills it as a whole, and Ctrl-C in a terminal reaches only this process.
            .process_group(0)
            .spawn()
            .map_err(failed)?;

        let id = child.id();
        let control = Arc::new(Mutex::new(child.stdin.take()));
        let (report, exit) = watch::channel(None);
        let held = Arc::clone(&control);
        let waiter = std::thread::spawn(move || {
            let status = child.wait();
            // The program is gone: close the pipe, so that the watchdog goes as well.
            held.lock().unwrap_or_else(PoisonError::into_inner).take();
            report.send_replace(status.ok());
        });
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Process { name, id, control, exit, waiter: Some(waiter), log: log.to_owned() })
    }
}

/// A running program. It is killed when this value is dropped or when this process ends in any way.
#[derive(Debug)]
pub struct Process {
    name: String,
    id: u32,
    control: Arc<Mutex<Option<ChildStdin>>>,
    exit: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
    log: PathBuf,
}

impl Process {
    /// The file name of the program.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id of the program.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// How the program ended; `None` while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until the program has ended; `None` when the operating system did not tell how.
    pub async fn exited(&self) -> Option<ExitStatus> {
        let mut exit = self.exit.clone();
        // An error means that the waiting thread is gone without an answer; the last value then says `None`.
        let ended = exit.wait_for(Option::is_some).await.map(|status| *status);
        ended.unwrap_or(None)
    }

    /// Sends SIGKILL and waits for the end: what a crash or the kernel's out-of-memory killer does to a program.
    pub async fn kill(&self) -> Option<ExitStatus> {
        self.signal("KILL");
        self.exited().await
    }

    /// Sends SIGTERM, as the kubelet does, and waits for the exit status.
    ///
    /// # Errors
    ///
    /// [`ProcessError::StillRunning`] when the program takes longer than `within`; it still runs then.
    pub async fn terminate(&self, within: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        self.signal("TERM");
        tokio::time::timeout(within, self.exited()).await.map_err(|_| ProcessError::StillRunning {
            name: self.name.clone(),
            within,
            log: self.log_tail(),
        })
    }

    /// Sends SIGSTOP: the program does nothing any more, and does not know it.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT: the program goes on where it was suspended.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// The file that the program prints to.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// All that the program has printed so far.
    pub fn log(&self) -> String {
        match std::fs::read(&self.log) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("(cannot read {}: {error})", self.log.display()),
        }
    }

    /// The last lines that the program has printed, indented, for an error message.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let quoted: Vec<String> =
            lines[lines.len().saturating_sub(QUOTED_LINES)..].iter().map(|line| format!("    {line}")).collect();
        if quoted.is_empty() { "    (nothing printed)".to_owned() } else { quoted.join("\n") }
    }

    fn signal(&self, name: &str) {
        if let Some(pipe) = self.control.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            // A broken pipe means that the watchdog, and with it the program, is gone: what the signal was to bring about.
            let _gone = writeln!(pipe, "{name}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.control.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waiter) = self.waiter.take() {
            // The thread cannot panic, and there is nobody to tell.
            let _ended = waiter.join();
        }
    }
}
