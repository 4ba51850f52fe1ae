//! What every status that the operator writes must keep to: the contract of `api::conditions`, which the operator checks
//! itself, and everything else that GitOps tools and people rely on. Each write is checked against the one before it.

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{FIELD_MANAGER, Mode, PostgresBackup, PostgresBackupStatus, Protection, Reason};

const ALWAYS: [ConditionType; 4] =
    [ConditionType::Ready, ConditionType::Validated, ConditionType::Synced, ConditionType::Protected];
const WHILE_TRUE: [ConditionType; 4] =
    [ConditionType::Reconciling, ConditionType::Stalled, ConditionType::Paused, ConditionType::Deleting];

/// Longest text of a path that the schema takes.
const MAX_PATH: usize = 8192;

/// Every rule that the status of `next`, written over `previous`, breaks.
pub fn breaches(previous: &PostgresBackup, next: &PostgresBackup, now: Timestamp) -> Vec<String> {
    let generation = next.metadata.generation.unwrap();
    let before = previous.status.clone().unwrap_or_default();
    let status = next.status.clone().unwrap_or_default();
    let mut breaches = Vec::new();
    let mut rule = |holds: bool, text: String| {
        if !holds {
            breaches.push(text);
        }
    };

    let contract = conditions::check_contract(&status, generation);
    rule(contract.is_ok(), format!("{contract:?}"));
    rule(status != before, "the write changes nothing".to_owned());
    let paused = conditions::is_true(&status.conditions, ConditionType::Paused);
    rule(
        status.observed_generation == generation || paused,
        format!("it answers generation {} of an object at {generation}", status.observed_generation),
    );
    rule(status.observed_generation >= before.observed_generation, "observedGeneration goes back".to_owned());
    for type_ in ALWAYS {
        rule(conditions::find(&status.conditions, type_).is_some(), format!("{type_} is missing"));
    }
    let known = ALWAYS.iter().chain(&WHILE_TRUE).map(|type_| type_.as_str());
    rule(
        status.conditions.iter().all(|condition| known.clone().any(|type_| type_ == condition.type_)),
        "there is a condition of an unknown type".to_owned(),
    );
    for condition in &status.conditions {
        for text in condition_breaches(condition, &before, &status, now) {
            rule(false, format!("{}: {text}", condition.type_));
        }
    }
    for text in whole_breaches(next, &status) {
        rule(false, text);
    }
    breaches
}

fn condition_breaches(
    condition: &Condition,
    before: &PostgresBackupStatus,
    status: &PostgresBackupStatus,
    now: Timestamp,
) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            breaches.push(text.to_owned());
        }
    };
    let same_type = |other: &&Condition| other.type_ == condition.type_;
    rule(status.conditions.iter().filter(same_type).count() == 1, "is there twice");
    rule(Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason), "its reason is not in the table");
    rule(!condition.message.trim().is_empty(), "has no message");
    rule(
        condition.observed_generation <= Some(status.observed_generation.max(0)),
        "answers a later generation than the status",
    );
    let time = condition.last_transition_time.0;
    rule(time == conditions::whole_seconds(time), "its transition time has fractions of a second");
    rule(time <= now, "its transition time is in the future");
    let ids = status.issues.iter().filter_map(|issue| issue.activity_id.as_deref());
    rule(ids.into_iter().all(|id| !condition.message.contains(id)), "its message changes with every answer of Azure");
    match before.conditions.iter().find(same_type) {
        Some(old) if old.status == condition.status => {
            rule(
                old.last_transition_time == condition.last_transition_time,
                "its transition time moved without a transition",
            );
        }
        Some(old) => rule(old.last_transition_time <= condition.last_transition_time, "its transition time went back"),
        None => {}
    }
    breaches
}

fn whole_breaches(object: &PostgresBackup, status: &PostgresBackupStatus) -> Vec<String> {
    let mut breaches = Vec::new();
    let is_ready = conditions::is_true(&status.conditions, ConditionType::Ready);
    let is_true = |type_| conditions::is_true(&status.conditions, type_);
    let state = status.backup_instance.as_ref().and_then(|instance| instance.protection_state.as_deref());
    let spec = &object.spec;
    if is_ready && status.operation.is_some() {
        breaches.push("Ready is True beside an operation".to_owned());
    }
    // A paused object's status answers an earlier specification, and ValidateOnly asks for nothing to be so.
    if is_ready && spec.mode != Mode::ValidateOnly && status.observed_generation == object.metadata.generation.unwrap()
    {
        let wanted: &[&str] = match spec.protection {
            Protection::Active => &["ProtectionConfigured"],
            Protection::Suspended => &["BackupsSuspended", "BackupSchedulesSuspended"],
            Protection::Stopped => &["ProtectionStopped"],
        };
        if !state.is_some_and(|state| wanted.contains(&state)) {
            breaches.push(format!("Ready is True while Azure shows {state:?} and {wanted:?} is wanted"));
        }
        let is_active = spec.protection == Protection::Active;
        if is_active
            && !(is_true(ConditionType::Synced) && is_true(ConditionType::Protected) && status.drift.is_empty())
        {
            breaches.push("Ready is True while something differs".to_owned());
        }
        if !is_active && is_true(ConditionType::Protected) {
            breaches.push("Protected is True while backups are not to be taken".to_owned());
        }
    }
    if is_ready && !is_true(ConditionType::Validated) {
        breaches.push("Ready is True while Validated is not".to_owned());
    }
    if is_true(ConditionType::Protected) && state != Some("ProtectionConfigured") {
        breaches.push(format!("Protected is True while Azure shows {state:?}"));
    }
    if is_true(ConditionType::Synced) && !status.drift.is_empty() {
        breaches.push("Synced is True beside a difference".to_owned());
    }
    if object.metadata.deletion_timestamp.is_some() && is_ready {
        breaches.push(format!("{} is being deleted and Ready", object.name_any()));
    }
    let operation = status.operation.as_ref();
    if operation.and_then(|operation| operation.path.as_ref()).is_some_and(|path| path.len() > MAX_PATH) {
        breaches.push("the path of the operation is longer than the schema allows".to_owned());
    }
    breaches
}

/// Every rule that an event breaks: of events.k8s.io/v1, and that its reason can be looked up.
pub fn event_breaches(event: &Event) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            breaches.push(format!("an event {:?}: {text}", event.reason));
        }
    };
    let reason = event.reason.as_deref().unwrap_or_default();
    rule(Reason::ALL.iter().any(|known| known.as_str() == reason), "its reason is not in the table");
    let action = event.action.as_deref().unwrap_or_default();
    rule((1..=128).contains(&action.len()), "its action has not 1 to 128 characters");
    rule(event.note.as_ref().is_some_and(|note| (1..=1024).contains(&note.len())), "its note has not 1 to 1024 bytes");
    rule(event.reporting_controller.as_deref() == Some(FIELD_MANAGER), "it does not say who reports");
    rule(
        event.regarding.as_ref().is_some_and(|object| object.uid.is_some()),
        "it does not say which object it is about",
    );
    breaches
}
