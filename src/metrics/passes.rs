//! Passes over objects, under the names that controller-runtime has made customary.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::definition;
use super::seconds;

/// The name of the controller in labels and logs.
pub const CONTROLLER: &str = "postgresbackup";

const LABELS: [(&str, &str); 1] = [("controller", CONTROLLER)];

type ByController<M> = Family<[(&'static str, &'static str); 1], M>;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassResult {
    /// Nothing is left to do until the object changes.
    Success,
    /// It is looked at again after a time.
    RequeueAfter,
    /// It broke off.
    Error,
    /// It was given up because it took too long.
    Timeout,
    /// It panicked.
    Panic,
}

/// The values of the label `result`, as controller-runtime has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types)] // the names are the label's values
enum ResultLabel {
    success,
    requeue_after,
    error,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: ResultLabel,
}

impl ResultLabels {
    fn new(result: ResultLabel) -> Self {
        Self { controller: CONTROLLER, result }
    }
}

/// Counts and times passes.
#[derive(Debug)]
pub(super) struct Passes {
    results: Family<ResultLabels, Counter>,
    errors: Counter,
    panics: Counter,
    timeouts: Counter,
    seconds: Histogram,
    active: Gauge,
}

impl Passes {
    /// Registers everything; all results start at zero.
    pub(super) fn register(registry: &mut Registry, concurrency: u16) -> Self {
        let results = Family::<ResultLabels, Counter>::default();
        for result in [ResultLabel::success, ResultLabel::requeue_after, ResultLabel::error] {
            let _ = results.get_or_create(&ResultLabels::new(result));
        }
        let counter = ByController::<Counter>::default;
        let (errors, panics, timeouts) = (counter(), counter(), counter());
        let time = ByController::<Histogram>::new_with_constructor(seconds);
        let (active, workers) = (ByController::<Gauge>::default(), ByController::<Gauge>::default());
        workers.get_or_create(&LABELS).set(i64::from(concurrency));
        definition::RECONCILE.register(registry, results.clone());
        definition::RECONCILE_ERRORS.register(registry, errors.clone());
        definition::RECONCILE_PANICS.register(registry, panics.clone());
        definition::RECONCILE_TIMEOUTS.register(registry, timeouts.clone());
        definition::RECONCILE_TIME.register(registry, time.clone());
        definition::ACTIVE_WORKERS.register(registry, active.clone());
        definition::MAX_CONCURRENT_RECONCILES.register(registry, workers);
        Self {
            results,
            errors: errors.get_or_create_owned(&LABELS),
            panics: panics.get_or_create_owned(&LABELS),
            timeouts: timeouts.get_or_create_owned(&LABELS),
            seconds: time.get_or_create_owned(&LABELS),
            active: active.get_or_create_owned(&LABELS),
        }
    }

    pub(super) fn begin(self: &Arc<Self>) -> ActivePass {
        self.active.inc();
        ActivePass { passes: Arc::clone(self), started: Instant::now() }
    }

    pub(super) fn end(&self, result: PassResult) {
        let label = match result {
            PassResult::Success => ResultLabel::success,
            PassResult::RequeueAfter => ResultLabel::requeue_after,
            PassResult::Error | PassResult::Timeout | PassResult::Panic => ResultLabel::error,
        };
        self.results.get_or_create(&ResultLabels::new(label)).inc();
        if label == ResultLabel::error {
            self.errors.inc();
        }
        match result {
            PassResult::Timeout => drop(self.timeouts.inc()),
            PassResult::Panic => drop(self.panics.inc()),
            PassResult::Success | PassResult::RequeueAfter | PassResult::Error => {}
        }
    }
}

/// A pass that is running; it is over when this is dropped.
#[derive(Debug)]
pub struct ActivePass {
    passes: Arc<Passes>,
    started: Instant,
}

impl Drop for ActivePass {
    fn drop(&mut self) {
        self.passes.active.dec();
        self.passes.seconds.observe(self.started.elapsed().as_secs_f64());
    }
}
