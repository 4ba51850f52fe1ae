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
    let what = "Looking at the vault and the backup instance";
    Conclusion::Changed(trouble(IssueSource::Observation, what, &Cause::of_answer(error)))
}

/// What Azure says stands in the way, and what follows from it.
struct Cause {
    error: ServiceError,
    reason: Reason,
    class: ErrorClass,
    retry_after: Option<Duration>,
}

impl Cause {
    /// The error in the answer to a request.
    fn of_answer(error: &AzureError) -> Self {
        Self {
            error: error.service_error(),
            reason: explain::reason_of_answer(error),
            class: error.class(),
            retry_after: error.retry_after(),
        }
    }

    /// The error of an operation or of a backup instance, which came inside of a successful answer.
    fn of_resource(error: &ServiceError) -> Self {
        let class = error.class();
        Self { error: error.clone(), reason: explain::reason(error, class), class, retry_after: None }
    }
}

/// Azure said no: the class decides whether that may heal by itself.
fn trouble(source: IssueSource, what: &str, cause: &Cause) -> Assessment {
    let progress = if cause.class == ErrorClass::Request { Progress::Stuck } else { Progress::Troubled };
    let next = Next::BackOff(cause.class, cause.retry_after);
    let message = explain::message(what, &cause.error);
    let mut assessment = Assessment::new(progress, cause.reason, message, next);
    assessment.issues.push(explain::issue(source, &cause.error));
    assessment
}

/// The backup instance is there, and Azure does not protect the database.
#[must_use]
pub fn unprotected(target: &Target, state: &ProtectionState, error: Option<&ServiceError>) -> Assessment {
    use ProtectionState as State;

    let failed = matches!(
        state,
        State::ProtectionError | State::ConfiguringProtectionFailed | State::NotProtected | State::Invalid
    );
    if let Some(error) = error.filter(|_| failed) {
        let what = format!("Protecting {}", target.database_label());
        let cause = Cause { reason: Reason::ProtectionError, ..Cause::of_resource(error) };
        let assessment = trouble(IssueSource::Protection, &what, &cause).validated(accepted());
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
    if is_passing(error.class()) && standing_trouble(previous, generation).is_some() {
        return Conclusion::Unchanged(Next::BackOff(error.class(), error.retry_after()));
    }
    Conclusion::Changed(refused(kind, &Cause::of_answer(error)))
}

/// The operation that Azure started for a request has failed.
#[must_use]
pub fn failed(kind: OperationKind, error: &ServiceError) -> Assessment {
    refused(kind, &Cause::of_resource(error))
}

fn refused(kind: OperationKind, cause: &Cause) -> Assessment {
    let assessment = trouble(explain::source(kind), explain::activity(kind), cause);
    let finding = Finding::no(assessment.reason, assessment.message.clone());
    match kind {
        OperationKind::Validate if is_passing(cause.class) => assessment.not_created(),
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
