//! Measures what the operator costs a cluster and an Azure subscription: `make bench`.
//!
//! ```text
//!   options ─→ scenarios ─→ stage: control plane, emulator, operator, each a process of its own
//!                 │           ├─ fleet      the objects, and the Azure that they need
//!                 │           ├─ observer   when each object became ready or went away
//!                 │           └─ meter      requests, CPU and memory: emulator, audit log, /proc
//!                 └─ phases   create, restart, quiet, delete
//!   report ─→ median of the repetitions ─→ report.json, table ─→ report.md
//! ```
//!
//! Nothing is asked of the operator itself: what it does is seen at the API server and at the emulated Azure, what it
//! uses in `/proc`.

mod azure;
mod ceiling;
mod error;
mod fleet;
mod kubernetes;
mod machine;
mod median;
mod meter;
mod observer;
mod options;
mod phases;
mod process;
mod report;
mod scenarios;
mod stage;
mod table;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use crate::error::BenchError;
use crate::options::Options;
use crate::report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = tokio::select! {
        ended = run(&options) => ended,
        // What was started is dropped with the future that owns it, and thereby stopped.
        _ = tokio::signal::ctrl_c() => return ExitCode::from(130),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error}"));
            let mut cause = error.source();
            while let Some(error) = cause {
                say(&format!("  because: {error}"));
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), BenchError> {
    let mut report = Report::new(options)?;
    for plan in scenarios::plans(options) {
        let mut runs = Vec::new();
        for repetition in 1..=plan.repeats {
            say(&format!("{} ({repetition} of {})", plan.setup.title(), plan.repeats));
            let run = plan.setup.run(options).await?;
            runs.push(serde_json::to_value(run)?);
        }
        report.add(&runs);
        // A long series that is broken off leaves what it has measured.
        report.write(&options.out)?;
    }
    println!("{}", report.markdown());
    say(&format!("Written to {}", options.out.join("report.json").display()));
    Ok(())
}

/// Tells how far it has got, on standard error: the tables go to standard output.
#[expect(clippy::print_stderr, reason = "progress of a program of minutes")]
fn say(text: &str) {
    eprintln!("{text}");
}
