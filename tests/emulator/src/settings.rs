//! How this Azure behaves where nobody has written down how the real one does, and what makes it slow or strict.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// Choices between plausible behaviours. The first value of each is the default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// What a PUT does to an instance whose backups are stopped or suspended.
    pub put_on_stopped: PutOnStopped,
    /// What a PUT does to an instance in `ConfiguringProtectionFailed`, `NotProtected` or `Invalid`.
    pub put_on_failed: PutOnFailed,
    /// What stopProtection does when backups are suspended, and suspendBackups when protection is stopped.
    pub stop_while_paused: StopWhilePaused,
    /// How long it takes until a granted permission counts, in seconds of Azure's time. Permissions of the seed count
    /// from the start.
    pub permission_delay_seconds: u64,
    /// How many resources a page of a list has; left out: all of them, without `nextLink`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<NonZeroUsize>,
    /// Whether Azure Resource Manager refuses requests beyond its limits.
    pub throttling: Throttling,
    /// Whether every request is kept in the journal.
    pub journal: Journaling,
}

/// What a PUT does to an instance whose backups are stopped or suspended. Azure's answer is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PutOnStopped {
    /// The policy changes, the state stays.
    #[default]
    KeepsState,
    /// Protection is configured anew, as by resumeProtection.
    Configures,
    /// 400.
    Refused,
}

/// What a PUT does to an instance that could not be configured. Azure's answer is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PutOnFailed {
    /// Protection is configured anew.
    #[default]
    Configures,
    /// The policy changes, the state stays.
    KeepsState,
    /// 400.
    Refused,
}

/// What happens to a stopProtection or suspendBackups when backups do not run anyway. Azure's answer is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopWhilePaused {
    /// The one state becomes the other.
    #[default]
    Accepted,
    /// 400: protection must be resumed first.
    Refused,
}

/// Whether requests are counted against limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Throttling {
    /// Every request is let through.
    #[default]
    Off,
    /// Azure Resource Manager's token buckets, per subscription and principal: reads 250 and 25 a second, writes and
    /// deletes 200 and 10 a second each.
    TokenBuckets,
}

/// What the journal keeps. Requests are counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Journaling {
    /// Every request, some kilobytes each.
    #[default]
    Everything,
    /// Nothing: for fleets whose requests would not fit into memory.
    Off,
}
