//! The state of the objects: read from the store of watched objects at every scrape, so that it cannot drift from them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use kube::ResourceExt;
use kube::runtime::reflector::Store;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;

use super::definition::{self, Definition};
use crate::api::conditions::{self, ConditionType};
use crate::api::{Mode, PostgresBackup, PostgresBackupStatus, Reason};
use crate::azure::ProtectionState;
use crate::reconcile::stored::Stored;

/// How many objects that are not ready are named.
const MOST_NAMED: usize = 1_000;

/// What stands for a word that is none of the operator's or of Azure's: anybody who may write status could invent more.
const OTHER: &str = "Other";

/// Shows the state of the objects in a store; nothing until it is given one.
#[derive(Default)]
pub(super) struct Objects(OnceLock<Store<Stored>>);

impl Objects {
    /// Takes the store of watched objects, the first time that it is given one.
    pub(super) fn watch(&self, store: Store<Stored>) {
        if self.0.set(store).is_err() {
            tracing::debug!("The metrics know a store of watched objects already");
        }
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

impl Collector for Objects {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stored = self.0.get().map(Store::state).unwrap_or_default();
        Tally::of(&stored).encode(encoder)
    }
}

/// Everything that is counted in one go through the store.
#[derive(Default)]
struct Tally {
    modes: BTreeMap<&'static str, i64>,
    conditions: BTreeMap<[&'static str; 3], i64>,
    states: BTreeMap<&'static str, i64>,
    operations: BTreeMap<String, Operations>,
    waiting: Vec<Waiting>,
    drifted: i64,
    unreadable: i64,
}

struct Operations {
    count: i64,
    oldest: i64,
}

/// An object that is not ready.
struct Waiting {
    since: i64,
    namespace: String,
    name: String,
    condition: &'static str,
    reason: &'static str,
}

impl Tally {
    fn of(stored: &[Arc<Stored>]) -> Self {
        let mut tally = Self::default();
        tally.modes.extend([Mode::Enforce, Mode::Observe, Mode::ValidateOnly].map(|mode| (mode_word(mode), 0)));
        for stored in stored {
            match &stored.0 {
                Ok(object) => tally.count(object),
                Err(_) => tally.unreadable += 1,
            }
        }
        tally.waiting.sort_by(|a, b| (a.since, &a.namespace, &a.name).cmp(&(b.since, &b.namespace, &b.name)));
        tally.waiting.truncate(MOST_NAMED);
        tally
    }

    fn count(&mut self, object: &PostgresBackup) {
        *self.modes.entry(mode_word(object.spec.mode)).or_default() += 1;
        self.waiting.extend(waiting(object));
        let Some(status) = &object.status else {
            *self.states.entry("None").or_default() += 1;
            return;
        };
        *self.states.entry(state_word(status)).or_default() += 1;
        for condition in &status.conditions {
            let words = [type_word(&condition.type_), status_word(&condition.status), reason_word(&condition.reason)];
            *self.conditions.entry(words).or_default() += 1;
        }
        if let Some(operation) = &status.operation {
            let started = operation.started_at.0.as_second();
            let entry = self.operations.entry(format!("{:?}", operation.kind));
            let operations = entry.or_insert(Operations { count: 0, oldest: started });
            operations.count += 1;
            operations.oldest = operations.oldest.min(started);
        }
        self.drifted += i64::from(!status.drift.is_empty());
    }

    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let modes = self.modes.iter().map(|(mode, count)| ([("mode", *mode)], *count));
        gauge(encoder, &definition::OBJECTS, modes)?;
        let conditions = self.conditions.iter().map(|([type_, status, reason], count)| {
            ([("type", *type_), ("status", *status), ("reason", *reason)], *count)
        });
        gauge(encoder, &definition::CONDITIONS, conditions)?;
        let states = self.states.iter().map(|(state, count)| ([("state", *state)], *count));
        gauge(encoder, &definition::PROTECTION_STATES, states)?;
        let waiting = self.waiting.iter().map(|waiting| (waiting.labels(), waiting.since));
        gauge(encoder, &definition::NOT_READY_SINCE, waiting)?;
        single(encoder, &definition::UNREADABLE, self.unreadable)?;
        let operations =
            || self.operations.iter().map(|(kind, operations)| ([("operation", kind.as_str())], operations));
        gauge(encoder, &definition::OPERATIONS, operations().map(|(labels, operations)| (labels, operations.count)))?;
        let oldest = operations().map(|(labels, operations)| (labels, operations.oldest));
        gauge(encoder, &definition::OLDEST_OPERATION, oldest)?;
        single(encoder, &definition::DRIFTED, self.drifted)
    }
}

impl Waiting {
    fn labels(&self) -> [(&'static str, &str); 4] {
        [
            ("resource_namespace", &self.namespace),
            ("resource_name", &self.name),
            ("condition", self.condition),
            ("reason", self.reason),
        ]
    }
}

/// Since when an object is not ready, if it is not. One that has no status waits since it was made.
fn waiting(object: &PostgresBackup) -> Option<Waiting> {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let (since, reason) = match conditions::find(conditions, ConditionType::Ready) {
        Some(ready) if ready.status == "True" => return None,
        Some(ready) => (ready.last_transition_time.0, reason_word(&ready.reason)),
        None => (object.creation_timestamp()?.0, Reason::Pending.as_str()),
    };
    let shown = [ConditionType::Stalled, ConditionType::Paused];
    let instead = shown.into_iter().find(|type_| conditions::is_true(conditions, *type_));
    Some(Waiting {
        since: since.as_second(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        condition: instead.unwrap_or(ConditionType::Reconciling).as_str(),
        reason,
    })
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "Enforce",
        Mode::Observe => "Observe",
        Mode::ValidateOnly => "ValidateOnly",
    }
}

fn state_word(status: &PostgresBackupStatus) -> &'static str {
    let state = status.backup_instance.as_ref().and_then(|instance| instance.protection_state.as_deref());
    let known = |text: &str| ProtectionState::KNOWN.iter().find(|state| state.as_str().eq_ignore_ascii_case(text));
    state.map_or("None", |text| known(text).map_or(OTHER, ProtectionState::as_str))
}

fn type_word(text: &str) -> &'static str {
    ConditionType::ALL.into_iter().map(ConditionType::as_str).find(|word| *word == text).unwrap_or(OTHER)
}

fn status_word(text: &str) -> &'static str {
    ["True", "False", "Unknown"].into_iter().find(|word| *word == text).unwrap_or(OTHER)
}

fn reason_word(text: &str) -> &'static str {
    Reason::ALL.iter().map(|reason| reason.as_str()).find(|word| *word == text).unwrap_or(OTHER)
}

/// Writes a gauge with its values; nothing at all when there are none.
fn gauge<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    definition: &Definition,
    values: impl IntoIterator<Item = (L, i64)>,
) -> fmt::Result {
    let mut values = values.into_iter().peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(definition.name, definition.help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        metric.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

/// Writes a gauge without labels.
fn single(encoder: &mut DescriptorEncoder<'_>, definition: &Definition, value: i64) -> fmt::Result {
    encoder.encode_descriptor(definition.name, definition.help, None, MetricType::Gauge)?.encode_gauge(&value)
}
