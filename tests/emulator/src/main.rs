//! The emulator as a program; see `tests/emulator/README.md`.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use azure_emulator::{Emulator, EmulatorConfig, SeedError, StartError, TimeScale, Timing, World};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// An emulator of Azure Resource Manager's Data Protection provider: Backup vaults, backup instances, token endpoints.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 for any free one
    #[arg(long, default_value = "127.0.0.1:0", env = "AZURE_EMULATOR_LISTEN")]
    listen: SocketAddr,
    /// What exists at the start, as JSON; nothing when left out
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Where to write the certificate to trust, as PEM
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Where to write the URLs, as JSON, once it serves
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// How many seconds of Azure's time pass in one second
    #[arg(long, default_value = "1")]
    time_scale: TimeScale,
    /// How many seconds of Azure's time each operation takes; left out, as long as recordings of Azure show
    #[arg(long, value_name = "SECONDS")]
    operation_seconds: Option<u64>,
    /// How many seconds a token is good
    #[arg(long, default_value = "3600", value_name = "SECONDS")]
    token_lifetime: u64,
    /// Decides every id and every duration within its range
    #[arg(long, default_value = "0")]
    seed: u64,
    /// What to log, as a filter of tracing, such as `info` or `azure_emulator=debug`
    #[arg(long, default_value = "warn", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&arguments.log))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut message = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            #[expect(clippy::print_stderr, reason = "the log may be filtered, the reason for the end must not")]
            {
                eprintln!("azure-emulator: {message}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), RunError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let world = match &arguments.world {
        Some(path) => World::load(path)?,
        None => World::default(),
    };
    let emulator = Emulator::start(EmulatorConfig {
        listen: arguments.listen,
        world,
        time_scale: arguments.time_scale,
        timing: arguments.operation_seconds.map(Duration::from_secs).map_or_else(Timing::default, Timing::uniform),
        token_lifetime: Duration::from_secs(arguments.token_lifetime),
        seed: arguments.seed,
    })
    .await?;
    if let Some(path) = &arguments.ca_out {
        write(path, emulator.ca_pem())?;
    }
    let ready = serde_json::json!({
        "url": emulator.base_url(),
        "identityEndpoint": emulator.identity_endpoint(),
    });
    if let Some(path) = &arguments.ready_file {
        write(path, &ready.to_string())?;
    }
    println!("{ready}");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}

/// Writes a file in one step, so that whoever waits for it never reads half of it.
fn write(path: &Path, text: &str) -> Result<(), RunError> {
    let failed = |source| RunError::Write { path: path.to_owned(), source };
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text).map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}
