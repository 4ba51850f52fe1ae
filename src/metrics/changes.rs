//! What passes put right and what they delete.

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::bounded::Bounded;
use super::definition;
use crate::api::v1alpha1::OperationKind;

/// How many vaults are told apart.
const MOST_VAULTS: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VaultLabels {
    vault: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: String,
}

impl OperationLabels {
    fn of(kind: OperationKind) -> Self {
        Self { operation: format!("{kind:?}") }
    }
}

/// Counts deletions and corrections.
#[derive(Debug)]
pub(super) struct Changes {
    held: Gauge,
    deleted: Family<VaultLabels, Counter>,
    undo_until: Family<VaultLabels, Gauge>,
    found: Family<OperationLabels, Counter>,
    corrected: Family<OperationLabels, Counter>,
    vaults: Bounded,
}

impl Changes {
    /// Registers everything.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            held: Gauge::default(),
            deleted: Family::default(),
            undo_until: Family::default(),
            found: Family::default(),
            corrected: Family::default(),
            vaults: Bounded::to(MOST_VAULTS),
        };
        definition::DELETIONS_HELD.register(registry, metrics.held.clone());
        definition::INSTANCES_DELETED.register(registry, metrics.deleted.clone());
        definition::UNDO_UNTIL.register(registry, metrics.undo_until.clone());
        definition::DRIFT_FOUND.register(registry, metrics.found.clone());
        definition::DRIFT_CORRECTED.register(registry, metrics.corrected.clone());
        metrics
    }

    pub(super) fn held(&self, count: usize) {
        self.held.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn deleted(&self, vault: &str, undo_until: Option<Timestamp>) {
        let labels = VaultLabels { vault: self.vaults.label(vault) };
        self.deleted.get_or_create(&labels).inc();
        if let Some(undo_until) = undo_until {
            self.undo_until.get_or_create(&labels).set(undo_until.as_second());
        }
    }

    pub(super) fn drift_found(&self, kind: OperationKind) {
        self.found.get_or_create(&OperationLabels::of(kind)).inc();
        // So that the share of what was corrected can be told before the first correction.
        let _ = self.corrected.get_or_create(&OperationLabels::of(kind));
    }

    pub(super) fn drift_corrected(&self, kind: OperationKind) {
        self.corrected.get_or_create(&OperationLabels::of(kind)).inc();
    }
}
