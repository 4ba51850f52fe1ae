//! What is measured: one table of all metrics, from which they are registered and documented.

use std::fmt;

use prometheus_client::registry::{Metric, Registry};

/// The kinds of metric that are used, with the names of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; starts at zero with the process.
    Counter,
    /// A value as it is now.
    Gauge,
    /// Counts observations by upper bound.
    Histogram,
    /// Always 1; what it says stands in its labels.
    Info,
}

impl Kind {
    /// The word in `# TYPE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// What OpenMetrics appends to the name of the metric in the names of its samples.
    #[must_use]
    pub fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Info => &["_info"],
        }
    }
}

/// A metric: its name, labels and meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The name, without what OpenMetrics appends to it.
    pub name: &'static str,
    /// What kind of metric it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in one or a few sentences.
    pub help: &'static str,
}

impl Definition {
    /// The names under which Prometheus stores it.
    pub fn samples(&self) -> impl Iterator<Item = String> {
        self.kind.suffixes().iter().map(|suffix| format!("{}{suffix}", self.name))
    }

    /// Registers a metric of this definition.
    pub(super) fn register(&self, registry: &mut Registry, metric: impl Metric) {
        // The registry ends the text with a full stop itself.
        registry.register(self.name, self.help.trim_end_matches('.'), metric);
    }
}

/// The row of the table in `docs/metrics.md`.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.kind.suffixes() {
            [only] => only,
            _ => "",
        };
        let labels: Vec<String> = self.labels.iter().map(|label| format!("`{label}`")).collect();
        let Self { name, kind, help, .. } = self;
        write!(f, "| `{name}{suffix}` | {} | {} | {help} |", kind.as_str(), labels.join(", "))
    }
}

/// Defines metrics once: what they mean, kind, name, and labels.
macro_rules! definitions {
    ($($(#[doc = $help:literal])+ $metric:ident = $kind:ident $name:literal [$($label:literal),*];)+) => {
        $(
            $(#[doc = $help])+
            pub const $metric: Definition = Definition {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: concat!($($help),+).trim_ascii(),
            };
        )+

        /// Every metric of the operator, in the order of the documentation.
        pub const ALL: &[Definition] = &[$($metric),+];
    };
}

definitions! {
    /// Passes over objects, by result: `success` (nothing is left to do until the object changes), `requeue_after` (it is looked at again after a time), `error` (the pass broke off).
    RECONCILE = Counter "controller_runtime_reconcile" ["controller", "result"];
    /// Passes that broke off.
    RECONCILE_ERRORS = Counter "controller_runtime_reconcile_errors" ["controller"];
    /// Passes that panicked, which is a defect of the operator.
    RECONCILE_PANICS = Counter "controller_runtime_reconcile_panics" ["controller"];
    /// Passes that were given up because they took too long.
    RECONCILE_TIMEOUTS = Counter "controller_runtime_reconcile_timeouts" ["controller"];
    /// Duration of passes in seconds.
    RECONCILE_TIME = Histogram "controller_runtime_reconcile_time_seconds" ["controller"];
    /// Passes that are running.
    ACTIVE_WORKERS = Gauge "controller_runtime_active_workers" ["controller"];
    /// Passes that may run at once (`--concurrency`).
    MAX_CONCURRENT_RECONCILES = Gauge "controller_runtime_max_concurrent_reconciles" ["controller"];

    /// PostgresBackups that this replica watches, by mode.
    OBJECTS = Gauge "postgresbackup_objects" ["mode"];
    /// PostgresBackups by type, status and reason of their conditions.
    CONDITIONS = Gauge "postgresbackup_conditions" ["type", "status", "reason"];
    /// PostgresBackups by the protection state of their backup instance as last read; `None` while there is none.
    PROTECTION_STATES = Gauge "postgresbackup_protection_states" ["state"];
    /// Since when a PostgresBackup is not ready (Unix time), with the reason of Ready and, as `condition`, what it is instead: Reconciling, Stalled or Paused. At most 1,000 objects, those that have waited longest.
    NOT_READY_SINCE = Gauge "postgresbackup_not_ready_since_timestamp_seconds" ["resource_namespace", "resource_name", "condition", "reason"];
    /// PostgresBackups that the operator cannot read; their CustomResourceDefinition does not fit the operator.
    UNREADABLE = Gauge "postgresbackup_unreadable_objects" [];
    /// Requests to Azure that are about to be sent or that Azure works on, by kind.
    OPERATIONS = Gauge "postgresbackup_operations" ["operation"];
    /// When the longest-running operation of a kind was begun (Unix time).
    OLDEST_OPERATION = Gauge "postgresbackup_oldest_operation_start_timestamp_seconds" ["operation"];
    /// PostgresBackups whose backup instance differs from the specification, as last read.
    DRIFTED = Gauge "postgresbackup_drifted_objects" [];
    /// Drift that the operator set out to correct, by operation.
    DRIFT_FOUND = Counter "postgresbackup_drift_found" ["operation"];
    /// Corrections of drift that have had their effect, by operation.
    DRIFT_CORRECTED = Counter "postgresbackup_drift_corrected" ["operation"];
    /// Deletions that the brake holds.
    DELETIONS_HELD = Gauge "postgresbackup_deletions_held" [];
    /// Backup instances deleted, by vault.
    INSTANCES_DELETED = Counter "postgresbackup_instances_deleted" ["vault"];
    /// Until when the latest deletion in a vault can be undone by applying the object again (Unix time).
    UNDO_UNTIL = Gauge "postgresbackup_delete_undo_until_timestamp_seconds" ["vault"];

    /// Requests to Azure Resource Manager by operation and HTTP status; `none` where no answer came.
    REQUESTS = Counter "azure_requests" ["operation", "code"];
    /// Duration of requests to Azure Resource Manager in seconds, from sending to having read the answer.
    REQUEST_TIME = Histogram "azure_requests_time_seconds" ["operation"];
    /// Requests that Azure Resource Manager answered with 429, by subscription.
    THROTTLED = Counter "azure_throttled_requests" ["subscription"];
    /// How many more requests Azure Resource Manager takes at the moment, as its last answer to the operation said (`x-ms-ratelimit-remaining-`, followed by `limit`).
    REMAINING = Gauge "azure_ratelimit_remaining" ["subscription", "operation", "limit"];
    /// Failed attempts to get an access token, by whose: the `operator`'s own or a `workload` identity that a grant names.
    CREDENTIAL_FAILURES = Counter "azure_credential_failures" ["identity"];
    /// When Azure Resource Manager last answered other than with 401, 408, 429 or an error of its own (Unix time); 0 before the first time.
    LAST_CONTACT = Gauge "azure_last_contact_timestamp_seconds" [];

    /// Whether this replica leads (1) or waits to (0), by Lease. Absent without leader election.
    LEADER = Gauge "leader_election_master_status" ["name"];
    /// The running build.
    BUILD = Info "postgres_backup_operator_build" ["version", "revision"];
}
