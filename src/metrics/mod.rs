//! Metrics: of passes under the names that controller-runtime has made customary, of objects, and of Azure.
//!
//! [`definition`] is the table of all of them. Every label takes values from a closed set, or is bounded in number.

mod azure;
mod bounded;
mod changes;
pub mod definition;
mod objects;
mod passes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::reflector::Store;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::api::v1alpha1::OperationKind;
use crate::azure::{IdentityKind, Operation, RateLimit, RequestObserver, SubscriptionId};
use crate::reconcile::PassObserver;
use crate::reconcile::stored::Stored;
use azure::AzureRequests;
use changes::Changes;
use objects::Objects;
use passes::Passes;
pub use passes::{ActivePass, CONTROLLER, PassResult};

/// Upper bounds in seconds: an idle look takes milliseconds, a pass with a slow Azure a minute.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 240.0];

/// The commit that the binary was built from, as `PGBACKUP_REVISION` said when it was compiled.
const REVISION: &str = match option_env!("PGBACKUP_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// Whether a replica is the one that acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// It holds the Lease.
    Leading,
    /// Another replica holds the Lease, or nobody does.
    Waiting,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    name: String,
}

/// The operator's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Arc<Passes>,
    azure: AzureRequests,
    changes: Changes,
    objects: Arc<Objects>,
    leadership: Family<LeaseLabels, Gauge>,
}

impl Metrics {
    /// Registers the metrics of an operator that runs `concurrency` passes at once.
    #[must_use]
    pub fn new(concurrency: u16) -> Arc<Self> {
        let mut registry = Registry::default();
        let passes = Arc::new(Passes::register(&mut registry, concurrency));
        let azure = AzureRequests::register(&mut registry);
        let changes = Changes::register(&mut registry);
        let objects = Arc::new(Objects::default());
        registry.register_collector(Box::new(Arc::clone(&objects)));
        let leadership = Family::default();
        definition::LEADER.register(&mut registry, Family::clone(&leadership));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("revision", REVISION)]);
        definition::BUILD.register(&mut registry, build);
        Arc::new(Self { registry, passes, azure, changes, objects, leadership })
    }

    /// Shows the state of the objects in this store from now on.
    pub fn watch(&self, store: Store<Stored>) {
        self.objects.watch(store);
    }

    /// Notes that a pass has begun; the guard notes that it is over.
    #[must_use]
    pub fn begin_pass(&self) -> ActivePass {
        self.passes.begin()
    }

    /// Notes how a pass ended.
    pub fn end_pass(&self, result: PassResult) {
        self.passes.end(result);
    }

    /// Notes whether this replica leads, by the name of the Lease that decides it.
    pub fn leadership(&self, lease: &str, leadership: Leadership) {
        let labels = LeaseLabels { name: lease.to_owned() };
        self.leadership.get_or_create(&labels).set(match leadership {
            Leadership::Leading => 1,
            Leadership::Waiting => 0,
        });
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

impl RequestObserver for Metrics {
    fn finished(&self, operation: Operation, subscription: &SubscriptionId, status: Option<u16>, elapsed: Duration) {
        self.azure.finished(operation, subscription, status, elapsed);
    }

    fn remaining(&self, operation: Operation, subscription: &SubscriptionId, limit: RateLimit, remaining: u32) {
        self.azure.remaining(operation, subscription, limit, remaining);
    }

    fn no_token(&self, identity: IdentityKind) {
        self.azure.no_token(identity);
    }
}

impl PassObserver for Metrics {
    fn deletions_held(&self, count: usize) {
        self.changes.held(count);
    }

    fn deleted(&self, vault: &str, undo_until: Option<Timestamp>) {
        self.changes.deleted(vault, undo_until);
    }

    fn drift_found(&self, kind: OperationKind) {
        self.changes.drift_found(kind);
    }

    fn drift_corrected(&self, kind: OperationKind) {
        self.changes.drift_corrected(kind);
    }
}
