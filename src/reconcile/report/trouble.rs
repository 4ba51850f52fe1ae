//! Concludes from things that went wrong what status is to say. Pure.

use std::time::Duration;

use super::assessment::{Assessment, Conclusion, Progress, Subject, accepted};
use super::discretion;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::{Issue, IssueSource, OperationKind};
use crate::api::{PostgresBackupStatus, Reason, annotations};
use crate::azure::{AzureError, ErrorClass, ProtectionState, ServiceError};
use crate::reconcile::error::Error;
use crate::reconcile::explain;
use crate::reconcile::observe::observed::{Sight, Unfinished};
use crate::reconcile::schedule::{Next, Standing};
use crate::reconcile::validate::{Lifecycle, SpecError};

/// How many looks in a row have to fail before status tells.
const WORTH_TELLING: u32 = 4;

/// How to get rid of a deleted object all the same.
const LET_GO: &str = "To let this object go and leave the backup instance as it is, set spec.deletionPolicy to Retain.";

/// What helps where a resource guard refuses.
const GUARDED: &str = "A resource guard protects this operation: somebody with rights on the guard has to carry it out on the \
                       backup instance, or lift the guard for the time.";

/// Concludes from a specification that cannot be acted on.
#[must_use]
pub fn invalid_spec(error: &SpecError, lifecycle: Lifecycle) -> Conclusion {
    let reason = match error {
        SpecError::ForeignKeyVault { .. } => Reason::KeyVaultNotInCloud,
        _ => Reason::InvalidSpec,
    };
    let message = with_way_out(sentence_of(error), lifecycle);
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
    Conclusion::Changed(assessment.validated(Finding::no(reason, message)))
}

/// Concludes from Azure not answering a look, the `looks`th in a row.
#[must_use]
pub fn unreadable(subject: Subject<'_>, look: &Unfinished, looks: u32, standing: Standing) -> Conclusion {
    let Unfinished { error, sight } = look;
    let cause = Cause::of_answer(error, subject);
    // `Ready` says what was last read: a look that fails for a while does not make it untrue. And a few failures are not
    // worth telling about an object that is still on its way, nor do they outweigh trouble that is told already.
    let holds = subject.is_ready() && *sight == Sight::Nothing && standing == Standing::WithinDeadline;
    let fleeting = subject.is_answered() && !subject.is_ready() && looks < WORTH_TELLING;
    if cause.class.is_passing() && (holds || fleeting || subject.is_told()) {
        return Conclusion::Unchanged(Next::BackOff(cause.class, cause.retry_after));
    }
    let what = format!("Looking at {}", subject.instance());
    let assessment = trouble(IssueSource::Observation, &what, &cause, subject.lifecycle);
    if error.is_gone() {
        let finding = || Finding::no(cause.reason, assessment.message.clone());
        let (synced, protected) = (finding(), finding());
        return Conclusion::Changed(assessment.synced(synced).protected(protected));
    }
    Conclusion::Changed(match sight {
        Sight::Absence => assessment.not_created(),
        Sight::Nothing => assessment,
    })
}

/// A pass that the operator itself failed on.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// How it failed.
    pub error: &'a Error,
    /// The object's status so far.
    pub previous: &'a PostgresBackupStatus,
    /// Whether that says that the object is where it should be, at the present generation.
    pub is_ready: bool,
    /// How many passes in a row have ended in trouble before.
    pub passes: u32,
}

/// Concludes from a pass that the operator itself failed on: what Azure said before is still what Azure said.
#[must_use]
pub fn own_failure(failure: &Failure<'_>, lifecycle: Lifecycle) -> Conclusion {
    // The controller counts the failure and decides when the next pass is.
    let next = Next::OnChange;
    if failure.is_ready && failure.passes + 1 < WORTH_TELLING {
        return Conclusion::Unchanged(next);
    }
    let what = match failure.error {
        Error::Deadline(after) => format!("A pass over this object did not end within {} s.", after.as_secs()),
        _ => "The operator failed while it worked on this object, which is a defect of the operator.".to_owned(),
    };
    let message = format!(
        "{what} It tries again by itself, and other objects are not affected. Its log says what happened; to hold it \
         off, set the annotation {}.",
        annotations::PAUSED
    );
    let message = with_way_out(message, lifecycle);
    let mut assessment = Assessment::new(Progress::Troubled, Reason::PassFailed, message, next);
    let said_by_azure = |issue: &&Issue| issue.source != IssueSource::Compatibility;
    assessment.issues = failure.previous.issues.iter().filter(said_by_azure).cloned().collect();
    Conclusion::Changed(assessment)
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
    fn of_answer(error: &AzureError, subject: Subject<'_>) -> Self {
        let cause = Self {
            error: error.service_error(),
            reason: explain::reason_of_answer(error),
            class: error.class(),
            retry_after: error.retry_after(),
        };
        cause.discreet(subject)
    }

    /// The error of an operation or of a backup instance, which came inside of a successful answer.
    fn of_resource(error: &ServiceError, subject: Subject<'_>) -> Self {
        let class = error.class();
        let cause = Self { error: error.clone(), reason: explain::reason(error, class), class, retry_after: None };
        cause.discreet(subject)
    }

    /// Without what it says about somebody else's resources.
    fn discreet(self, subject: Subject<'_>) -> Self {
        match discretion::instead_of(&self.error, self.class, subject) {
            Some(instead) => {
                tracing::warn!(error = %self.error, detail = self.error.detail, "Azure speaks of what the grant does not cover");
                Self { error: instead, reason: Reason::PrerequisiteMissing, class: ErrorClass::Prerequisite, ..self }
            }
            None => self,
        }
    }
}

/// Azure said no: the class decides whether that may heal by itself.
fn trouble(source: IssueSource, what: &str, cause: &Cause, lifecycle: Lifecycle) -> Assessment {
    let progress = match cause.class {
        ErrorClass::Request | ErrorClass::Approval => Progress::Stuck,
        _ => Progress::Troubled,
    };
    let next = Next::BackOff(cause.class, cause.retry_after);
    let message = with_way_out(explain::message(what, &cause.error), lifecycle);
    let mut assessment = Assessment::new(progress, cause.reason, message, next);
    assessment.issues.push(explain::issue(source, &cause.error));
    assessment
}

/// The message for a deleted object says how to get rid of it.
pub(in crate::reconcile) fn with_way_out(message: String, lifecycle: Lifecycle) -> String {
    if matches!(lifecycle, Lifecycle::Deleting(_)) { format!("{message} {LET_GO}") } else { message }
}

/// The backup instance is there, and Azure does not protect the database.
#[must_use]
pub fn unprotected(subject: Subject<'_>, state: &ProtectionState, error: Option<&ServiceError>) -> Assessment {
    use ProtectionState as State;

    let instance = subject.instance();
    let without_cause = ServiceError {
        code: state.to_string(),
        message: "Azure gives no cause; look at the backup instance in the vault.".to_owned(),
        ..ServiceError::default()
    };
    let (reason, progress, message) = match state {
        State::SoftDeleted => (
            Reason::SoftDeleted,
            Progress::Stuck,
            format!("Azure shows {instance} as {state}. Undelete it in the vault, or wait until it is purged."),
        ),
        State::Unknown(text) if text.is_empty() => (
            Reason::UnknownState,
            Progress::Troubled,
            format!("Azure shows {instance} without a protection state; it is left alone."),
        ),
        State::Unknown(_) => (
            Reason::UnknownState,
            Progress::Troubled,
            format!("Azure shows {instance} as {state}, which this operator does not know; it is left alone."),
        ),
        _ => {
            let what = format!("Protecting {}", subject.target.database_label());
            let cause = Cause {
                reason: Reason::ProtectionError,
                ..Cause::of_resource(error.unwrap_or(&without_cause), subject)
            };
            let assessment = trouble(IssueSource::Protection, &what, &cause, subject.lifecycle).validated(accepted());
            let finding = Finding::no(Reason::ProtectionError, assessment.message.clone());
            return assessment.protected(finding);
        }
    };
    let next = Next::BackOff(ErrorClass::Prerequisite, None);
    Assessment::new(progress, reason, message.clone(), next)
        .validated(accepted())
        .protected(Finding::no(reason, message))
}

/// Azure refused a request, or its answer was lost.
#[must_use]
pub fn refused_at_once(subject: Subject<'_>, kind: OperationKind, error: &AzureError) -> Conclusion {
    let cause = Cause::of_answer(error, subject);
    if cause.class.is_passing() && (kind == OperationKind::Sync || subject.is_told()) {
        return Conclusion::Unchanged(Next::BackOff(cause.class, cause.retry_after));
    }
    // Why Azure could not protect the database matters most; why it does not even try again comes after it.
    if let (OperationKind::Sync, Some(state)) = (kind, subject.state) {
        let mut assessment = unprotected(subject, state, subject.protection_error);
        assessment.issues.push(explain::issue(IssueSource::Operation, &cause.error));
        return Conclusion::Changed(assessment);
    }
    Conclusion::Changed(refused(subject, kind, &cause))
}

/// The operation that Azure started for a request has failed.
#[must_use]
pub fn failed(subject: Subject<'_>, kind: OperationKind, error: &ServiceError) -> Assessment {
    refused(subject, kind, &Cause::of_resource(error, subject))
}

fn refused(subject: Subject<'_>, kind: OperationKind, cause: &Cause) -> Assessment {
    let what = explain::activity(kind, subject.target);
    let mut assessment = trouble(explain::source(kind), &what, cause, subject.lifecycle);
    if cause.class == ErrorClass::Approval {
        assessment.message = format!("{} {GUARDED}", assessment.message);
    }
    if let Some(protector) = subject.protector {
        let adoption = protector.adoption();
        assessment.message = format!("{} {adoption}.", assessment.message);
        assessment.issues.iter_mut().for_each(|issue| issue.recommended_actions.push(adoption.clone()));
    }
    let finding = || Finding::no(assessment.reason, assessment.message.clone());
    let (validated, synced) = (finding(), finding());
    match kind {
        OperationKind::Validate if cause.class.is_passing() => assessment.not_created(),
        OperationKind::Validate => assessment.validated(validated).not_created(),
        OperationKind::ValidateChange if cause.class.is_passing() => assessment.synced(synced),
        OperationKind::ValidateChange => assessment.validated(validated).synced(synced),
        OperationKind::Update if !cause.class.is_passing() => assessment.validated(validated).synced(synced),
        OperationKind::Sync => assessment,
        OperationKind::Create
        | OperationKind::Update
        | OperationKind::Resume
        | OperationKind::Suspend
        | OperationKind::Stop
        | OperationKind::Undelete
        | OperationKind::Delete => assessment.synced(synced),
    }
}

/// An error and its causes as one sentence.
fn sentence_of(error: &SpecError) -> String {
    let mut text = crate::error_chain::one_line(error);
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}
