//! Shows the operator at work on real parts: `make demo`.
//!
//! etcd, kube-apiserver, an emulated Azure and the operator run as processes of their own on loopback ports. Every line
//! that begins with `$` is a command that is really run; what follows it is what it printed.

mod azure;
mod screen;
mod stage;
mod story;

use std::{error::Error, path::PathBuf, process::ExitCode, time::Instant};

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
    let arguments = Arguments::parse();
    tokio::select! {
        code = run(arguments) => code,
        // What was started is dropped with the future that owns it, and thereby stopped.
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

async fn run(Arguments { operator, emulator, keep }: Arguments) -> ExitCode {
    let started = Instant::now();
    screen::heading("A Kubernetes control plane, an emulated Azure, and the operator");
    let stage = match Stage::set(&operator, &emulator).await {
        Ok(stage) => stage,
        Err(error) => return failed("setting the stage", error.as_ref(), None),
    };
    let failure = tokio::select! {
        told = story::tell(&stage) => told.err(),
        ended = stage.any_ended() => Some(("telling the story", ended)),
    };
    if let Some((step, error)) = failure {
        return failed(step, error.as_ref(), Some(&stage));
    }
    if keep {
        stage.print_how_to_reach();
        // Ctrl-C ends `main`.
        let ended = stage.any_ended().await;
        return failed("being left running", ended.as_ref(), Some(&stage));
    }
    match stage.strike().await {
        Ok(()) => {
            screen::say(&format!("Everything has stopped. The demonstration took {:.0?}.", started.elapsed()));
            ExitCode::SUCCESS
        }
        Err(error) => failed("stopping", error.as_ref(), None),
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
