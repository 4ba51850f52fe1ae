//! Shows the operator at work on real parts: `make demo`.
//!
//! etcd, kube-apiserver, an emulated Azure and the operator run as processes of their own on loopback ports. Every line
//! that begins with `$` is a command that is really run; what follows it is what it printed.

mod azure;
mod screen;
mod stage;
mod story;

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;

use crate::stage::Stage;

/// Shows the operator at work against an emulated Azure.
#[derive(Debug, Parser)]
struct Arguments {
    /// The operator's binary.
    #[arg(long, value_name = "FILE")]
    operator: PathBuf,
    /// The emulator's binary.
    #[arg(long, value_name = "FILE")]
    emulator: PathBuf,
    /// Leave everything running at the end, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { operator, emulator, keep } = Arguments::parse();
    let started = Instant::now();
    let performed = tokio::select! {
        performed = perform(&operator, &emulator) => performed,
        // What was started is dropped with the future that owns it, and thereby stopped.
        _ = tokio::signal::ctrl_c() => Err(ExitCode::from(130)),
    };
    let stage = match performed {
        Ok(stage) => stage,
        Err(code) => return code,
    };
    println!("\nThe demonstration took {:.0?}.", started.elapsed());
    if keep {
        stage.print_how_to_reach();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            ended = stage.any_ended() => return failed("being left running", ended.as_ref(), None),
        }
    }
    match stage.strike().await {
        Ok(()) => {
            println!("\nEverything has stopped.");
            ExitCode::SUCCESS
        }
        Err(error) => failed("stopping", error.as_ref(), None),
    }
}

/// Sets the stage and tells the story; a failure has been reported when this returns.
async fn perform(operator: &Path, emulator: &Path) -> Result<Stage, ExitCode> {
    screen::heading("A Kubernetes control plane, an emulated Azure, and the operator");
    let stage =
        Stage::set(operator, emulator).await.map_err(|error| failed("setting the stage", error.as_ref(), None))?;
    let failure = tokio::select! {
        told = story::tell(&stage) => told.err(),
        ended = stage.any_ended() => return Err(failed("telling the story", ended.as_ref(), None)),
    };
    match failure {
        None => Ok(stage),
        Some((step, error)) => Err(failed(step, error.as_ref(), Some(&stage))),
    }
}

#[expect(clippy::print_stderr, reason = "a failure belongs on standard error")]
fn failed(step: &str, error: &dyn Error, stage: Option<&Stage>) -> ExitCode {
    eprintln!("\ndemo: {step} failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    if let Some(stage) = stage {
        eprintln!("the end of the operator's log:\n{}", stage.operator_log_tail());
    }
    ExitCode::FAILURE
}
