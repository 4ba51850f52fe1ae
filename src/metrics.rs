//! Metrics, under the names that controller-runtime has made customary.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::api::v1alpha1::OperationKind;
use crate::azure::{Operation, RequestObserver};
use crate::reconcile::PassObserver;

/// The value of the label `controller`.
const CONTROLLER: &str = "postgresbackup";

/// Upper bounds in seconds: an idle look takes milliseconds, a pass with a slow Azure a minute.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 240.0];

/// How a pass ended, for `controller_runtime_reconcile_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)] // the names are the label's values
pub enum PassResult {
    /// Nothing is left to do until the object changes.
    success,
    /// It is looked at again after a time.
    requeue_after,
    /// It broke off.
    error,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: PassResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VaultLabels {
    vault: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CorrectionLabels {
    operation: String,
}

/// The operator's metrics.
pub struct Metrics {
    registry: Registry,
    passes: Family<ResultLabels, Counter>,
    errors: Counter,
    panics: Counter,
    pass_seconds: Histogram,
    active: Gauge,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<OperationLabels, Histogram>,
    deletions_held: Gauge,
    deleted: Family<VaultLabels, Counter>,
    undo_until: Family<VaultLabels, Gauge>,
    corrected: Family<CorrectionLabels, Counter>,
    leads: Family<LeaseLabels, Gauge>,
}

impl Metrics {
    /// Registers the metrics. The results of passes start at zero; requests to Azure are counted from the first one.
    #[must_use]
    pub fn new(concurrency: u16) -> Arc<Self> {
        let mut registry = Registry::default();
        let passes = Family::<ResultLabels, Counter>::default();
        for result in [PassResult::success, PassResult::requeue_after, PassResult::error] {
            let _ = passes.get_or_create(&ResultLabels { controller: CONTROLLER, result });
        }
        let controller = || ControllerLabels { controller: CONTROLLER };
        let family = Family::<ControllerLabels, Counter>::default;
        let (errors, panics) = (family(), family());
        let pass_seconds = Family::<ControllerLabels, Histogram>::new_with_constructor(seconds);
        let active = Family::<ControllerLabels, Gauge>::default();
        let workers = Family::<ControllerLabels, Gauge<f64, AtomicU64>>::default();
        workers.get_or_create(&controller()).set(f64::from(concurrency));
        let requests = Family::<RequestLabels, Counter>::default();
        let request_seconds = Family::<OperationLabels, Histogram>::new_with_constructor(seconds as fn() -> Histogram);

        registry.register("controller_runtime_reconcile", "Passes by result", passes.clone());
        registry.register("controller_runtime_reconcile_errors", "Passes that broke off", errors.clone());
        registry.register("controller_runtime_reconcile_panics", "Passes that panicked", panics.clone());
        registry.register("controller_runtime_reconcile_time_seconds", "Duration of passes", pass_seconds.clone());
        registry.register("controller_runtime_active_workers", "Passes that are running", active.clone());
        registry.register("controller_runtime_max_concurrent_reconciles", "Passes that may run at once", workers);
        registry.register("azure_requests", "Requests to Azure by operation and HTTP status", requests.clone());
        registry.register("azure_requests_time_seconds", "Duration of requests to Azure", request_seconds.clone());
        let deletions_held = Gauge::default();
        let deleted = Family::<VaultLabels, Counter>::default();
        let undo_until = Family::<VaultLabels, Gauge>::default();
        let corrected = Family::<CorrectionLabels, Counter>::default();
        registry.register("postgresbackup_deletions_held", "Deletions that the brake holds", deletions_held.clone());
        registry.register("postgresbackup_instances_deleted", "Backup instances deleted, by vault", deleted.clone());
        let undo = "Until when the latest deletion in a vault can be undone by applying the object again (Unix time)";
        registry.register("postgresbackup_delete_undo_until_timestamp_seconds", undo, undo_until.clone());
        registry.register("postgresbackup_drift_corrected", "Corrections of drift, by operation", corrected.clone());
        let leads = Family::<LeaseLabels, Gauge>::default();
        let help = "Whether this replica leads (1) or stands by (0), by the name of the Lease";
        registry.register("leader_election_master_status", help, leads.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("postgres_backup_operator_build", "The running build", build);

        Arc::new(Self {
            registry,
            passes,
            errors: errors.get_or_create_owned(&controller()),
            panics: panics.get_or_create_owned(&controller()),
            pass_seconds: pass_seconds.get_or_create_owned(&controller()),
            active: active.get_or_create_owned(&controller()),
            requests,
            request_seconds,
            deletions_held,
            deleted,
            undo_until,
            corrected,
            leads,
        })
    }

    /// Notes that a pass has begun; the guard notes that it is over.
    #[must_use]
    pub fn begin_pass(self: &Arc<Self>) -> ActivePass {
        self.active.inc();
        ActivePass { metrics: Arc::clone(self), started: tokio::time::Instant::now() }
    }

    /// Notes how a pass ended.
    pub fn end_pass(&self, result: PassResult) {
        self.passes.get_or_create(&ResultLabels { controller: CONTROLLER, result }).inc();
        if result == PassResult::error {
            self.errors.inc();
        }
    }

    /// Notes that a pass panicked.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Notes that this replica stands by for the holder of a Lease.
    pub fn stands_by(&self, lease: &str) {
        self.leads.get_or_create(&LeaseLabels { name: lease.to_owned() }).set(0);
    }

    /// Notes that this replica holds a Lease.
    pub fn leads(&self, lease: &str) {
        self.leads.get_or_create(&LeaseLabels { name: lease.to_owned() }).set(1);
    }

    /// The metrics as OpenMetrics text.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut buffer = String::new();
        text::encode(&mut buffer, &self.registry)?;
        Ok(buffer)
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl RequestObserver for Metrics {
    fn finished(&self, operation: Operation, status: Option<u16>, elapsed: Duration) {
        let operation = operation.name();
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&RequestLabels { operation, code }).inc();
        self.request_seconds.get_or_create(&OperationLabels { operation }).observe(elapsed.as_secs_f64());
    }
}

impl PassObserver for Metrics {
    fn deletions_held(&self, count: usize) {
        self.deletions_held.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn deleted(&self, vault: &str, undo_until: Option<Timestamp>) {
        let labels = VaultLabels { vault: vault.to_owned() };
        self.deleted.get_or_create(&labels).inc();
        if let Some(undo_until) = undo_until {
            self.undo_until.get_or_create(&labels).set(undo_until.as_second());
        }
    }

    fn drift_corrected(&self, kind: OperationKind) {
        self.corrected.get_or_create(&CorrectionLabels { operation: format!("{kind:?}") }).inc();
    }
}

/// A pass that is running.
#[derive(Debug)]
pub struct ActivePass {
    metrics: Arc<Metrics>,
    started: tokio::time::Instant,
}

impl Drop for ActivePass {
    fn drop(&mut self) {
        self.metrics.active.dec();
        self.metrics.pass_seconds.observe(self.started.elapsed().as_secs_f64());
    }
}
