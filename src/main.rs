//! The binary: reads the command line and reports what went wrong.

use std::process::ExitCode;

use clap::Parser;
use postgres_backup_operator::api::crd;
use postgres_backup_operator::cli::{Cli, Command};
use postgres_backup_operator::error_chain;
use postgres_backup_operator::operator;

fn main() -> ExitCode {
    let result: Result<(), Box<dyn std::error::Error>> = match Cli::parse().command {
        Command::Crd { kind } => {
            kind.map_or_else(crd::yaml, crd::yaml_of).map(|yaml| print!("{yaml}")).map_err(Into::into)
        }
        Command::Run(args) => operator::run(&args).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        #[expect(clippy::print_stderr, reason = "the last word of a process that cannot run goes to standard error")]
        Err(error) => {
            eprintln!("error: {}", error_chain::one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
