//! Concludes from things that went wrong what status is to say. Pure.

use std::time::Duration;

use super::assessment::{Assessment, Conclusion, Progress, accepted};
use super::explain;
use super::schedule::{Next, Standing};
use super::validate::{SpecError, Target};
use crate::api::conditions::{self, Finding};
use crate::api::v1alpha1::{Issue, IssueSource, OperationKind};
use crate::api::{ConditionType, PostgresBackupStatus, Reason};
use crate::azure::{AzureError, ErrorClass, ProtectionState, ServiceError};

/// How many looks in a row have to fail before status tells.
const WORTH_TELLING: u32 = 3;

/// Concludes from a specification that cannot be acted on.
#[must_use]
pub fn invalid_spec(error: &SpecError) -> Conclusion {
    let reason = match error {
        SpecError::ForeignKeyVault { .. } => Reason::KeyVaultNotInCloud,
        _ => Reason::InvalidSpec,
    };
    let message = sentence_of(error);
    let mut assessment = Assessment::stuck(reason, message.clone());
    assessment.next = Next::OnChange;
    assessment.issues.push(Issue {
        source: IssueSource::Specification,
        code: reason.as_str().to_owned(),
        message: message.clone(),
        detail: None,
        recommended_actions: Vec::new(),
        target: None,
        activity_id: None,
    });
    Conclusion::Changed(assessment.validated(Finding::no(reason, message)).not_created())
}

/// Concludes from Azure not answering a read.
#[must_use]
pub fn unreadable(
    error: &AzureError,
    previous: &PostgresBackupStatus,
    generation: i64,
    standing: Standing,
    attempts: u32,
) -> Conclusion {
    let class = error.class();
    // `Ready` says what was last read: a read that fails for a while does not make it untrue. And a single failure is not
    // worth telling about an object that is still on its way.
    let holds = is_ready(previous, generation) && standing == Standing::WithinDeadline;
    let fleeting = previous.observed_generation == generation && attempts < WORTH_TELLING;
    if is_passing(class) && (holds || fleeting || standing_trouble(previous, generation).is_some()) {
        return Conclusion::Unchanged(Next::BackOff(class, error.retry_after()));
    }
    let service_error = error.service_error();
    let mut assessment = trouble(
        IssueSource::Observation,
        "Looking at the vault and the backup instance",
        &service_error,
        class,
        error.retry_after(),
    );
    if matches!(error, AzureError::Credential(_)) {
        assessment.reason = Reason::CredentialUnavailable;
    }
    Conclusion::Changed(assessment)
}

/// Azure said no: the class decides whether that may heal by itself.
fn trouble(
    source: IssueSource,
    what: &str,
    error: &ServiceError,
    class: ErrorClass,
    asked: Option<Duration>,
) -> Assessment {
    let progress = if class == ErrorClass::Request { Progress::Stuck } else { Progress::Troubled };
    let next = Next::BackOff(class, asked);
    let message = explain::message(what, error);
    let mut assessment = Assessment::new(progress, explain::reason(error, class), message, next);
    assessment.issues.push(explain::issue(source, error));
    assessment
}

/// The backup instance is there, and Azure does not protect the database.
#[must_use]
pub fn unprotected(target: &Target, state: &ProtectionState, error: Option<&ServiceError>) -> Assessment {
    use ProtectionState as State;

    if let Some(error) = error {
        let what = format!("Protecting {}", target.database_label());
        let mut assessment = trouble(IssueSource::Protection, &what, error, error.class(), None).validated(accepted());
        assessment.reason = Reason::ProtectionError;
        let finding = Finding::no(Reason::ProtectionError, assessment.message.clone());
        return assessment.protected(finding);
    }
    let name = target.instance.name();
    let (reason, progress, message) = match state {
        State::ProtectionStopped
        | State::BackupsSuspended
        | State::BackupSchedulesSuspended
        | State::RetentionSchedulesSuspended => (
            Reason::ProtectionStopped,
            Progress::Stuck,
            format!(
                "Azure shows the backup instance {name} as {state}: no backups are taken. Resume protection in the vault."
            ),
        ),
        State::SoftDeleted => (
            Reason::SoftDeleted,
            Progress::Stuck,
            format!(
                "The backup instance {name} is soft-deleted. Undelete it in the vault, or wait until it is purged."
            ),
        ),
        State::Unknown(_) => (
            Reason::UnknownState,
            Progress::Troubled,
            format!(
                "Azure shows the backup instance {name} as {state}, which this operator does not know; it is left alone."
            ),
        ),
        _ => (
            Reason::ProtectionError,
            Progress::Troubled,
            format!("Azure shows the backup instance {name} as {state} and gives no cause; look at it in the vault."),
        ),
    };
    let next = Next::BackOff(ErrorClass::Prerequisite, None);
    Assessment::new(progress, reason, message.clone(), next)
        .validated(accepted())
        .protected(Finding::no(reason, message))
}

/// Azure refused a request, or its answer was lost.
#[must_use]
pub fn refused_at_once(
    kind: OperationKind,
    error: &AzureError,
    previous: &PostgresBackupStatus,
    generation: i64,
) -> Conclusion {
    let (class, asked) = (error.class(), error.retry_after());
    if is_passing(class) && standing_trouble(previous, generation).is_some() {
        return Conclusion::Unchanged(Next::BackOff(class, asked));
    }
    let mut assessment = refused(kind, &error.service_error(), class, asked);
    if matches!(error, AzureError::Credential(_)) {
        assessment.reason = Reason::CredentialUnavailable;
    }
    Conclusion::Changed(assessment)
}

/// Azure refused a request, at once or by its operation.
#[must_use]
pub fn refused(kind: OperationKind, error: &ServiceError, class: ErrorClass, asked: Option<Duration>) -> Assessment {
    let assessment = trouble(explain::source(kind), explain::activity(kind), error, class, asked);
    let finding = Finding::no(assessment.reason, assessment.message.clone());
    match kind {
        OperationKind::Validate if is_passing(class) => assessment.not_created(),
        OperationKind::Validate => assessment.validated(finding).not_created(),
        OperationKind::Create => assessment.not_created().synced(finding),
        OperationKind::Update | OperationKind::Delete => assessment.synced(finding),
    }
}

/// Whether errors of this class say something about the moment, not about the request.
fn is_passing(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Throttled | ErrorClass::Transient | ErrorClass::Busy)
}

/// An error and its causes as one sentence.
fn sentence_of(error: &SpecError) -> String {
    let mut text = super::error::chain(error);
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

/// Where the trouble that status shows for this generation was said, if it shows any.
#[must_use]
pub fn standing_trouble(previous: &PostgresBackupStatus, generation: i64) -> Option<IssueSource> {
    let answers = previous.observed_generation == generation;
    let source = previous.issues.iter().map(|issue| issue.source);
    source.into_iter().find(|source| answers && matches!(source, IssueSource::Validation | IssueSource::Operation))
}

fn is_ready(previous: &PostgresBackupStatus, generation: i64) -> bool {
    previous.observed_generation == generation && conditions::is_true(&previous.conditions, ConditionType::Ready)
}
