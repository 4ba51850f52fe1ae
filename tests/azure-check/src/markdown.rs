//! The tables of `docs/azure-assumptions.md`.

use crate::assumption::{Assumption, Check, alternatives};
use crate::assumptions;

/// The head of the table of what is checked.
pub const CHECKED_HEAD: &str = "| assumption | we assume | where it comes from | what the operator does | the check |\n| --- | --- | --- | --- | --- |";

/// The head of the table of what cannot be checked.
pub const UNCHECKED_HEAD: &str = "| assumption | we assume | where it comes from | what the operator does | why it is not checked |\n| --- | --- | --- | --- | --- |";

/// The rows of the table of what `make azure-check` checks.
#[must_use]
pub fn checked() -> Vec<String> {
    let row = |assumption: &'static Assumption| match &assumption.check {
        Check::Impossible(_) => None,
        Check::Trial(trial) => {
            let mut check = format!("{}: {}", trial.what(), alternatives(trial.expected));
            for need in trial.needs {
                check.push_str(&format!("; takes {need}"));
            }
            Some(line(assumption, &check))
        }
    };
    assumptions::all().filter_map(row).collect()
}

/// The rows of the table of what it cannot check.
#[must_use]
pub fn unchecked() -> Vec<String> {
    let row = |assumption: &'static Assumption| match &assumption.check {
        Check::Impossible(why) => Some(line(assumption, why)),
        Check::Trial(_) => None,
    };
    assumptions::all().filter_map(row).collect()
}

fn line(assumption: &Assumption, last: &str) -> String {
    let Assumption { id, claim, source, operator, .. } = assumption;
    format!("| `{id}` | {claim} | {source} | {operator} | {last} |")
}
