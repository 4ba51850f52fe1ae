//! The binary: reads the command line, listens for Ctrl-C, and ends with what was found.

use std::process::ExitCode;
use std::sync::Arc;

use azure_check::assumption::Check;
use azure_check::client::Client;
use azure_check::console::{Console, Terminal};
use azure_check::timer::RealTimer;
use azure_check::{Interrupt, Options, RunError, assumptions, run};
use clap::Parser;
use postgres_backup_operator::error_chain::one_line;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit status when nothing could be checked; also clap's for a command line that it does not understand.
const COULD_NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        list(&mut Terminal);
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let ended = runtime.block_on(start(&options));
    // A question that nobody has answered must not hold the process up.
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(error.as_ref()),
    }
}

async fn start(options: &Options) -> Result<u8, Box<dyn std::error::Error>> {
    let interrupt = Interrupt::default();
    tokio::spawn(listen(interrupt.clone(), signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?));
    let permit = options.subject().map_err(RunError::from)?.permit();
    let client = Client::new(&options.azure, permit, |name| std::env::var(name).ok()).map_err(RunError::from)?;
    let timer = Arc::new(RealTimer { longest: options.poll_interval });
    let report = run(options, client, timer, &mut Terminal, interrupt).await?;
    Ok(report.exit_code())
}

/// The first signal ends the checks, the second the cleaning up.
async fn listen(interrupt: Interrupt, mut ctrl_c: Signal, mut terminate: Signal) {
    for (token, what) in [
        (interrupt.stop, "Ending, and cleaning up. Once more, and everything is left as it is."),
        (interrupt.abandon, "Leaving everything as it is."),
    ] {
        tokio::select! {
            _ = ctrl_c.recv() => {}
            _ = terminate.recv() => {}
        }
        Terminal.progress(what);
        token.cancel();
    }
}

fn list(console: &mut dyn Console) {
    for assumption in assumptions::all() {
        let note = match &assumption.check {
            Check::Trial(_) => String::new(),
            Check::Impossible(why) => format!(" Not checked: {why}."),
        };
        console.print(&format!("{:30}  {}{note}", assumption.id, assumption.claim));
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    Terminal.progress(&format!("error: {}", one_line(error)));
    ExitCode::from(COULD_NOT_RUN)
}
