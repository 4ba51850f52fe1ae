//! A soft-deleted backup instance as Azure shows it.

use super::instance::Instance;
use crate::azure::json::{path, timestamp};
use jiff::Timestamp;
use serde_json::Value;

/// A backup instance that was deleted and can be undeleted under its old name.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletedInstance {
    /// The instance as it was; its state is `SoftDeleted`.
    pub instance: Instance,
    /// When it was deleted; nothing if Azure does not say.
    pub deletion_time: Option<Timestamp>,
    /// Until when it can be undeleted; nothing if Azure does not say.
    pub scheduled_purge_time: Option<Timestamp>,
}

impl DeletedInstance {
    /// Reads a soft-deleted instance from the body of an answer; nothing if it has no `properties`.
    pub fn parse(raw: Value) -> Option<Self> {
        let info = path(&raw, &["properties", "deletionInfo"]);
        let time = |name: &str| info.and_then(|info| timestamp(info, name));
        let (deletion_time, scheduled_purge_time) = (time("deletionTime"), time("scheduledPurgeTime"));
        Some(Self { instance: Instance::parse(raw)?, deletion_time, scheduled_purge_time })
    }
}
