//! Faults besides the death of the operator, at every request: the scenario ends as undisturbed all the same, and nothing is
//! done twice.
//!
//! - `answers`: connections that break, answers that are late, wrong or nonsense;
//! - `operations`: operations that never end, vanish, or are reported as they are not;
//! - `kubernetes`: an API server that is behind, forgets, refuses, and people who meddle with objects and their status;
//! - `found`: what has come to light that way, each by itself.

mod answers;
mod found;
pub mod garbled;
mod kubernetes;
mod operations;

use crate::scenario::{Scenario, scenarios};

/// The scenarios that between them send every request there is.
const COMMON: [&str; 9] = [
    "create",
    "create with a secret",
    "change the policy",
    "delete",
    "undelete",
    "suspend",
    "resume",
    "stop what is suspended",
    "hand over",
];

/// Those among them at whose end there is an object.
const LIVING: [&str; 6] =
    ["create", "change the policy", "undelete", "suspend", "resume", "delete and create under the same name"];

fn common() -> Vec<&'static Scenario> {
    scenarios(|scenario| COMMON.contains(&scenario.name))
}

fn living() -> Vec<&'static Scenario> {
    scenarios(|scenario| LIVING.contains(&scenario.name))
}
