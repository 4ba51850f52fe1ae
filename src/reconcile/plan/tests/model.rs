//! Passes over one object against a small model of Azure, in paused time.

pub(super) mod azure;
pub(super) mod backup;
mod invariants;
pub(super) mod operator;
