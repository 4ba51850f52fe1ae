//! Folds what a pass concluded into the status that the object is to carry. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::assessment::{Assessment, Progress, drift_shown, protection_shown};
use crate::api::conditions::{self, ConditionType, Finding};
use crate::api::v1alpha1::{BackupInstanceStatus, DriftItem, Issue};
use crate::api::{PostgresBackupStatus, Reason, annotations};
use crate::azure::{Instance, ProtectionState};
use crate::reconcile::explain;
use crate::reconcile::schedule::Standing;
use crate::reconcile::validate::{Lifecycle, Target};

/// What is said of an operation that takes longer than any should.
const OVERDUE: &str = "This takes longer than it should; look at the backup instance and its jobs in the vault.";

/// What a pass saw of the backup instance.
#[derive(Clone, Debug)]
pub enum Seen<'a> {
    /// It was not read.
    Nothing,
    /// It is on its way to another state because of a request of ours: worth a write only if that takes too long.
    OnTheWay(&'a Instance),
    /// It does not exist.
    Absent,
    /// It exists.
    Present(&'a Instance),
}

/// What status is made from besides the assessment.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// `metadata.generation` of the object that the pass was about.
    pub generation: i64,
    /// What the object is about, unless its specification cannot be parsed.
    pub target: Option<&'a Target>,
    /// What was seen of the backup instance.
    pub seen: Seen<'a>,
    /// Where it differs.
    pub drift: Vec<DriftItem>,
    /// What the operator's api-version cannot express about this object.
    pub compatibility: Vec<Issue>,
    /// Whether the object should have got there by now.
    pub standing: Standing,
    /// Whether the object is deleted.
    pub lifecycle: Lifecycle,
    /// The present time.
    pub now: Timestamp,
}

/// The status after a pass that learned something.
#[must_use]
pub fn fold(previous: &PostgresBackupStatus, assessment: &Assessment, facts: &Facts<'_>) -> PostgresBackupStatus {
    let mut status = previous.clone();
    let Facts { generation, now, .. } = *facts;
    status.observed_generation = generation;
    let seen = match facts.seen {
        Seen::OnTheWay(instance) if facts.standing == Standing::PastDeadline => Seen::Present(instance),
        Seen::OnTheWay(_) => Seen::Nothing,
        ref seen => seen.clone(),
    };
    if let Some(target) = facts.target {
        status.vault = Some(target.vault().name().to_string());
        status.database = Some(target.database_label());
        status.backup_instance = backup_instance(previous.backup_instance.as_ref(), target, &seen);
    }
    if matches!(facts.seen, Seen::Absent | Seen::Present(_)) {
        status.drift.clone_from(&facts.drift);
    }
    status.issues = keep_activity_ids(&previous.issues, &assessment.issues);
    status.issues.extend(facts.compatibility.iter().cloned());
    set_conditions(&mut status, assessment, facts.standing, generation, now);
    agree_with_what_is_seen(&mut status, &seen, generation, now);
    match facts.lifecycle {
        Lifecycle::Live => conditions::remove(&mut status.conditions, ConditionType::Deleting),
        Lifecycle::Deleting(_) | Lifecycle::LettingGo => {
            let finding = Finding::yes(assessment.reason, assessment.message.as_str());
            conditions::set(&mut status.conditions, ConditionType::Deleting, finding, generation, now);
        }
    }
    status
}

/// What status shows of the backup instance and what it says of it must not contradict each other, whatever else the pass
/// was about.
fn agree_with_what_is_seen(status: &mut PostgresBackupStatus, seen: &Seen<'_>, generation: i64, now: Timestamp) {
    let list = &mut status.conditions;
    if let Seen::Present(instance) = seen
        && instance.protection_state != ProtectionState::ProtectionConfigured
        && conditions::is_true(list, ConditionType::Protected)
    {
        let shown = protection_shown(&instance.protection_state);
        conditions::set(list, ConditionType::Protected, shown, generation, now);
    }
    if matches!(seen, Seen::Absent) && conditions::is_true(list, ConditionType::Protected) {
        let shown = Finding::no(Reason::NotCreated, "The backup instance does not exist.");
        conditions::set(list, ConditionType::Protected, shown, generation, now);
    }
    if !status.drift.is_empty() && conditions::is_true(list, ConditionType::Synced) {
        conditions::set(list, ConditionType::Synced, drift_shown(&status.drift), generation, now);
    }
}

/// The status of an object that the operator is held off. What was last seen stays, and with it the generation that it
/// answers; only a deletion that waits is said to wait.
#[must_use]
pub fn paused(previous: &PostgresBackupStatus, lifecycle: Lifecycle, now: Timestamp) -> PostgresBackupStatus {
    let mut status = previous.clone();
    // An object that was never seen answers generation -1, which a condition cannot.
    let generation = previous.observed_generation.max(0);
    let message = match lifecycle {
        Lifecycle::Live => format!("The annotation {} holds the operator off.", annotations::PAUSED),
        Lifecycle::Deleting(_) | Lifecycle::LettingGo => {
            format!("The deletion waits: the annotation {} holds the operator off.", annotations::PAUSED)
        }
    };
    let list = &mut status.conditions;
    conditions::set(list, ConditionType::Paused, Finding::yes(Reason::Paused, message.as_str()), generation, now);
    if lifecycle != Lifecycle::Live {
        conditions::set(list, ConditionType::Deleting, Finding::yes(Reason::Paused, message.as_str()), generation, now);
    }
    if lifecycle != Lifecycle::Live || conditions::find(list, ConditionType::Ready).is_none() {
        conditions::set(list, ConditionType::Ready, Finding::no(Reason::Paused, message), generation, now);
    }
    for type_ in [ConditionType::Validated, ConditionType::Synced, ConditionType::Protected] {
        set_pending(list, type_, generation, now);
    }
    status
}

fn set_conditions(
    status: &mut PostgresBackupStatus,
    assessment: &Assessment,
    standing: Standing,
    generation: i64,
    now: Timestamp,
) {
    let list = &mut status.conditions;
    let overdue = assessment.progress == Progress::Working && standing == Standing::PastDeadline;
    let message = if overdue { format!("{} {OVERDUE}", assessment.message) } else { assessment.message.clone() };
    let (reason, message) = (assessment.reason, message.as_str());
    let ready = match assessment.progress {
        Progress::Done => Finding::yes(reason, message),
        Progress::Working | Progress::Troubled | Progress::Stuck => Finding::no(reason, message),
    };
    conditions::set(list, ConditionType::Ready, ready, generation, now);
    for (type_, finding) in [
        (ConditionType::Validated, &assessment.validated),
        (ConditionType::Synced, &assessment.synced),
        (ConditionType::Protected, &assessment.protected),
    ] {
        match finding {
            Some(finding) => conditions::set(list, type_, finding.clone(), generation, now),
            None => set_pending(list, type_, generation, now),
        }
    }
    let (present, absent) = match (assessment.progress, standing) {
        (Progress::Done, _) => (None, [ConditionType::Reconciling, ConditionType::Stalled]),
        (Progress::Working | Progress::Troubled, Standing::WithinDeadline) => {
            (Some(ConditionType::Reconciling), [ConditionType::Stalled; 2])
        }
        (Progress::Stuck, _) | (_, Standing::PastDeadline) => {
            (Some(ConditionType::Stalled), [ConditionType::Reconciling; 2])
        }
    };
    for type_ in absent {
        conditions::remove(list, type_);
    }
    if let Some(type_) = present {
        conditions::set(list, type_, Finding::yes(reason, message), generation, now);
    }
}

/// Says of a condition that nothing is known of yet that it is pending.
fn set_pending(list: &mut Vec<Condition>, type_: ConditionType, generation: i64, now: Timestamp) {
    if conditions::find(list, type_).is_none() {
        let pending = Finding::unknown(Reason::Pending, "The operator has not come far enough to tell.");
        conditions::set(list, type_, pending, generation, now);
    }
}

/// The status once the time for something to go away by itself is over: what was `Reconciling` is `Stalled`.
#[must_use]
pub fn expired(mut status: PostgresBackupStatus, now: Timestamp) -> PostgresBackupStatus {
    let list = &mut status.conditions;
    if let Some(condition) = conditions::find(list, ConditionType::Reconciling).cloned() {
        conditions::remove(list, ConditionType::Reconciling);
        let since = Time(conditions::whole_seconds(now));
        let type_ = ConditionType::Stalled.as_str().to_owned();
        list.push(Condition { type_, last_transition_time: since, ..condition });
    }
    status
}

fn backup_instance(
    previous: Option<&BackupInstanceStatus>,
    target: &Target,
    seen: &Seen<'_>,
) -> Option<BackupInstanceStatus> {
    let bare = || BackupInstanceStatus {
        name: target.instance.name().to_string(),
        resource_id: target.instance.to_string(),
        protection_state: None,
        policy_id: None,
    };
    match seen {
        Seen::Nothing | Seen::OnTheWay(_) => Some(previous.cloned().unwrap_or_else(bare)),
        Seen::Absent => Some(bare()),
        Seen::Present(instance) => Some(BackupInstanceStatus {
            protection_state: Some(explain::clip(instance.protection_state.as_str(), 128)),
            policy_id: instance.policy_id.as_deref().map(|id| explain::clip(id, 1024)),
            ..bare()
        }),
    }
}

/// Azure gives every answer another activity id. It is taken over only together with something that people see change,
/// so that a repeated refusal is not a write.
fn keep_activity_ids(previous: &[Issue], current: &[Issue]) -> Vec<Issue> {
    let without_id = |issue: &Issue| Issue { activity_id: None, ..issue.clone() };
    let same = |issue: &Issue| previous.iter().find(|known| without_id(known) == without_id(issue)).cloned();
    current.iter().map(|issue| same(issue).unwrap_or_else(|| issue.clone())).collect()
}

#[cfg(test)]
mod tests;
