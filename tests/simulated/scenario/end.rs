//! What is left at the end of a scenario, and what it has cost.

use azure_emulator::Instance;
use jiff::Timestamp;
use kube::ResourceExt;
use postgres_backup_operator::api::PostgresBackup;
use serde_json::{Value, json};

use crate::wire::Call;
use crate::world::{World, status};

/// What is left, without times and ids that no two runs have in common.
#[derive(Debug, PartialEq)]
pub struct End {
    objects: Vec<Value>,
    instances: Vec<Value>,
    tombstones: usize,
}

impl End {
    pub fn of(world: &World) -> Self {
        let instance = |instance: &Instance| {
            json!({
                "name": instance.name(),
                "state": instance.state.as_str(),
                "tags": instance.tags,
                "policy": instance.spec.policy.policy_id.to_string(),
            })
        };
        Self {
            objects: world.kubernetes.all().iter().map(timeless).collect(),
            instances: world.azure.instances().iter().map(instance).collect(),
            tombstones: world.azure.tombstones(),
        }
    }
}

fn timeless(object: &PostgresBackup) -> Value {
    let mut status = status(object);
    // Generations count edits, also those that were taken back; what counts is how far behind the object's own one is.
    let generation = object.metadata.generation.unwrap_or_default();
    status.observed_generation -= generation;
    for condition in &mut status.conditions {
        condition.last_transition_time.0 = Timestamp::UNIX_EPOCH;
        condition.observed_generation = condition.observed_generation.map(|observed| observed - generation);
    }
    json!({ "name": object.name_any(), "finalizers": object.finalizers(), "spec": object.spec, "status": status })
}

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Changes of a backup instance that Azure has accepted. None of them may be made twice.
    pub accepted: usize,
    /// Requests that change a backup instance, or could.
    pub changes: usize,
    /// Questions: validations of either kind.
    pub questions: usize,
    /// Writes to objects, also those that were refused.
    pub writes: usize,
}

impl Cost {
    /// What was written after so many requests.
    pub fn since(world: &World, position: usize) -> Self {
        let mut cost = Self::default();
        for sent in world.wire.since(position) {
            let changes = sent.call.writes_instance();
            // An undelete is over with its answer; to whatever else 200 says that there was nothing to do. A sync that is
            // repeated does nothing that the first one has not.
            let accepted = match sent.answer {
                Some(200) => sent.call == Call::Undelete,
                status => matches!(status, Some(201 | 202)) && sent.call != Call::Sync,
            };
            cost.accepted += usize::from(changes && accepted);
            cost.changes += usize::from(changes);
            cost.questions += usize::from(sent.call.writes_azure() && !changes);
            cost.writes += usize::from(sent.call.writes_object());
        }
        cost
    }

    /// What it has cost more than this.
    pub fn beyond(self, other: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(other.accepted),
            changes: self.changes.saturating_sub(other.changes),
            questions: self.questions.saturating_sub(other.questions),
            writes: self.writes.saturating_sub(other.writes),
        }
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            accepted: self.accepted.max(other.accepted),
            changes: self.changes.max(other.changes),
            questions: self.questions.max(other.questions),
            writes: self.writes.max(other.writes),
        }
    }

    /// Whether none is more than in `bound`.
    pub fn is_within(self, bound: Self) -> bool {
        self.max(bound) == bound
    }
}
