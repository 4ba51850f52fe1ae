//! The settings of leader election.

use std::time::Duration;

use clap::Args;

use super::parse_duration;
use crate::leader::{Timing, TimingError};

/// How replicas take turns.
#[derive(Debug, Args)]
#[command(next_help_heading = "Leader election")]
pub struct LeaderElectionArgs {
    /// Whether replicas take turns: one acts, the others stand by. The default is true in a pod and false elsewhere; turn it
    /// off only where there never is a second replica, not even during an update.
    #[arg(long, env = "PGBACKUP_LEADER_ELECT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub leader_elect: Option<bool>,
    /// Namespace of the Lease; the default is the pod's own (POD_NAMESPACE, else that of its service account).
    #[arg(long, env = "PGBACKUP_LEADER_ELECTION_NAMESPACE", value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// Name of the Lease. Replicas with the same one take turns.
    #[arg(long, env = "PGBACKUP_LEADER_ELECTION_ID", value_name = "NAME", default_value = "postgres-backup-operator")]
    pub leader_election_id: String,
    /// How long after the leader's last renewal a stand-by takes over.
    #[arg(long, env = "PGBACKUP_LEADER_ELECTION_LEASE_DURATION", value_name = "DURATION", default_value = "15s",
        value_parser = parse_duration)]
    pub leader_election_lease_duration: Duration,
    /// How long after its last renewal a leader gives up.
    #[arg(long, env = "PGBACKUP_LEADER_ELECTION_RENEW_DEADLINE", value_name = "DURATION", default_value = "10s",
        value_parser = parse_duration)]
    pub leader_election_renew_deadline: Duration,
    /// How often the leader renews the Lease, and a stand-by looks at it.
    #[arg(long, env = "PGBACKUP_LEADER_ELECTION_RETRY_PERIOD", value_name = "DURATION", default_value = "2s",
        value_parser = parse_duration)]
    pub leader_election_retry_period: Duration,
}

impl LeaderElectionArgs {
    /// The times, if they go together.
    ///
    /// # Errors
    /// Which do not.
    pub fn timing(&self) -> Result<Timing, TimingError> {
        Timing::new(
            self.leader_election_lease_duration,
            self.leader_election_renew_deadline,
            self.leader_election_retry_period,
        )
    }
}
