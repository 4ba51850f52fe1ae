//! What the operator was told.

use std::time::Duration;

use super::brake::BrakeLimit;
use crate::azure::Cloud;

/// What the operator was told to do differently from its defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Names this cluster in owner tags. It has to survive a rebuild of the cluster.
    pub cluster_name: String,
    /// The Azure cloud that the vaults are in.
    pub cloud: Cloud,
    /// How often a healthy backup instance is looked at.
    pub drift_interval: Duration,
    /// How long an object may take before it counts as stalled.
    pub deadline: Duration,
    /// How often a backup instance on its way to another state is looked at, until Azure has named an interval.
    pub poll_interval: Duration,
    /// How many backup instances may be deleted in which time.
    pub brake: BrakeLimit,
    /// The ServiceAccount whose identity a grant uses unless it names another.
    pub service_account: String,
}
