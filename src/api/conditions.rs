//! Conditions with the semantics of Kubernetes' `SetStatusCondition`, and the contract that every status obeys.
//!
//! `Ready` summarises. `Validated`, `Synced` and `Protected` are always present. `Reconciling` and `Stalled` follow
//! kstatus: present only while True, never together. `Paused` and `Deleting` are present only while True.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::{PostgresBackupStatus, Reason};

/// The types of condition that a `PostgresBackup` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// The state asked for is reached at this generation, as last read from Azure.
    Ready,
    /// Azure's validation accepts the request.
    Validated,
    /// The backup instance equals the specification.
    Synced,
    /// Azure reports the database as protected.
    Protected,
    /// The operator works on it and needs nobody's help. Present only while True.
    Reconciling,
    /// A person must change something. Present only while True.
    Stalled,
    /// The annotation `pgbackup.dev/paused` holds the operator off. Present only while True.
    Paused,
    /// The object is deleted, and something is still to be done in Azure. Present only while True.
    Deleting,
}

impl ConditionType {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Validated,
        Self::Synced,
        Self::Protected,
        Self::Reconciling,
        Self::Stalled,
        Self::Paused,
        Self::Deleting,
    ];

    /// The name in `status.conditions[].type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Validated => "Validated",
            Self::Synced => "Synced",
            Self::Protected => "Protected",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Paused => "Paused",
            Self::Deleting => "Deleting",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known yet.
    Unknown,
}

impl ConditionStatus {
    /// The word in `status.conditions[].status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is found out about one type of condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the condition holds.
    pub status: ConditionStatus,
    /// Why, as one word.
    pub reason: Reason,
    /// Why, as a sentence. Deterministic: no times, request ids or counts, since every change is a write.
    pub message: String,
}

impl Finding {
    /// The condition holds.
    #[must_use]
    pub fn yes(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::True, reason, message: message.into() }
    }

    /// The condition does not hold.
    #[must_use]
    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::False, reason, message: message.into() }
    }

    /// It is not known whether the condition holds.
    #[must_use]
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Self { status: ConditionStatus::Unknown, reason, message: message.into() }
    }
}

/// Longest message that a condition may carry, in bytes (metav1.Condition).
const MAX_MESSAGE: usize = 32_768;

/// The condition of a type, if present.
#[must_use]
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// Whether the condition of a type is present and True.
#[must_use]
pub fn is_true(conditions: &[Condition], type_: ConditionType) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == ConditionStatus::True.as_str())
}

/// Whether the condition of a type is present with this reason.
#[must_use]
pub fn has_reason(conditions: &[Condition], type_: ConditionType, reason: Reason) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.reason == reason.as_str())
}

/// Sets a condition. Its transition time moves only when its status changes, as in Kubernetes' `SetStatusCondition`.
pub fn set(conditions: &mut Vec<Condition>, type_: ConditionType, finding: Finding, generation: i64, now: Timestamp) {
    let mut message = finding.message;
    if message.len() > MAX_MESSAGE {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    }
    let status = finding.status.as_str();
    let now = Time(whole_seconds(now));
    match conditions.iter_mut().find(|condition| condition.type_ == type_.as_str()) {
        Some(condition) => {
            if condition.status != status {
                condition.status = status.to_owned();
                condition.last_transition_time = now;
            }
            condition.reason = finding.reason.as_str().to_owned();
            condition.message = message;
            condition.observed_generation = Some(generation);
        }
        None => conditions.push(Condition {
            type_: type_.as_str().to_owned(),
            status: status.to_owned(),
            reason: finding.reason.as_str().to_owned(),
            message,
            observed_generation: Some(generation),
            last_transition_time: now,
        }),
    }
}

/// Removes a condition that is shown only while True.
pub fn remove(conditions: &mut Vec<Condition>, type_: ConditionType) {
    conditions.retain(|condition| condition.type_ != type_.as_str());
}

/// The API stores times in whole seconds; a status that was read back must equal the one that was written.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A rule of the status contract that a status breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractBreach {
    /// Ready must be present.
    #[error("the Ready condition is missing")]
    ReadyMissing,
    /// Ready must be True or False.
    #[error("the Ready condition is neither True nor False")]
    ReadyUnknown,
    /// Reconciling and Stalled exclude each other.
    #[error("Reconciling and Stalled are both present")]
    ReconcilingAndStalled,
    /// Reconciling, Stalled, Paused and Deleting are present only while True.
    #[error("Reconciling, Stalled, Paused or Deleting is present without being True")]
    NotOnlyWhileTrue,
    /// Ready excludes Reconciling and Stalled.
    #[error("Ready is True beside Reconciling or Stalled")]
    ReadyBesideNegative,
    /// Without Ready, it is either worked on, stalled, or paused.
    #[error("Ready is False while neither Reconciling nor Stalled nor Paused is True")]
    NotReadyWithoutCause,
    /// A status cannot answer a generation that does not exist.
    #[error("observedGeneration is beyond the object's generation")]
    GenerationAhead,
    /// With Ready, every condition answers the observed generation.
    #[error("Ready is True while a condition answers an older generation")]
    StaleCondition,
}

/// Checks the contract that GitOps tools rely on (kstatus; Flux' condition rules).
///
/// # Errors
/// The first rule that `status` breaks for an object at `generation`.
pub fn check_contract(status: &PostgresBackupStatus, generation: i64) -> Result<(), ContractBreach> {
    use ConditionType::{Deleting, Paused, Ready, Reconciling, Stalled};

    let conditions = &status.conditions;
    let ready = find(conditions, Ready).ok_or(ContractBreach::ReadyMissing)?;
    let is_ready = match ready.status.as_str() {
        "True" => true,
        "False" => false,
        _ => return Err(ContractBreach::ReadyUnknown),
    };
    let negatives = [Reconciling, Stalled].map(|type_| find(conditions, type_));
    if negatives.iter().all(Option::is_some) {
        return Err(ContractBreach::ReconcilingAndStalled);
    }
    let only_while_true = [Paused, Deleting].map(|type_| find(conditions, type_));
    if negatives.iter().chain(&only_while_true).flatten().any(|condition| condition.status != "True") {
        return Err(ContractBreach::NotOnlyWhileTrue);
    }
    let is_negative = negatives.iter().any(Option::is_some);
    if is_ready && is_negative {
        return Err(ContractBreach::ReadyBesideNegative);
    }
    if !is_ready && !is_negative && find(conditions, Paused).is_none() {
        return Err(ContractBreach::NotReadyWithoutCause);
    }
    if status.observed_generation > generation {
        return Err(ContractBreach::GenerationAhead);
    }
    let observed = Some(status.observed_generation);
    if is_ready && conditions.iter().any(|condition| condition.observed_generation != observed) {
        return Err(ContractBreach::StaleCondition);
    }
    Ok(())
}

/// The schema of `status.conditions`: a list keyed by type, with the constraints of Go's `metav1.Condition`.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "type": "string", "maxLength": 316,
                    "description": "Type of the condition: Ready, Validated, Synced, Protected, Reconciling, Stalled, Paused or Deleting."
                },
                "status": {
                    "type": "string", "enum": ["True", "False", "Unknown"],
                    "description": "Whether the condition holds."
                },
                "reason": {
                    "type": "string", "minLength": 1, "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                    "description": "Why, as one word."
                },
                "message": {
                    "type": "string", "maxLength": 32768,
                    "description": "Why, as a sentence."
                },
                "observedGeneration": {
                    "type": "integer", "format": "int64", "minimum": 0,
                    "description": "The metadata.generation that the condition answers."
                },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time",
                    "description": "When the status of the condition last changed."
                }
            }
        }
    })
}
