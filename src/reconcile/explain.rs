//! Puts Azure's errors into words: a reason from the table, a message that leads to action, an issue with all details.

use super::validate::Target;
use crate::api::Reason;
use crate::api::v1alpha1::{Issue, IssueSource, OperationKind};
use crate::azure::{AzureError, ErrorClass, ServiceError};

/// The reason for an error in the answer to a request: whom Azure turns away at the door is the operator itself.
#[must_use]
pub fn reason_of_answer(error: &AzureError) -> Reason {
    match (error, error.status()) {
        (AzureError::Credential(_), _) | (_, Some(401)) => Reason::CredentialUnavailable,
        (_, Some(403)) => Reason::NotAuthorized,
        // By ARM's own codes: what the request was about, or what it is in.
        _ if error.is_gone() => Reason::VaultNotFound,
        _ => reason(&error.service_error(), error.class()),
    }
}

/// The reason for an error, from its class and, where that says more, its code.
#[must_use]
pub fn reason(error: &ServiceError, class: ErrorClass) -> Reason {
    match error.code.as_str() {
        "UserErrorDppDatasourceAlreadyProtected" | "UserErrorDppDatasourceAlreadyHasBackupInstance" => {
            return Reason::AlreadyProtected;
        }
        _ => {}
    }
    match class {
        ErrorClass::Throttled => Reason::Throttled,
        ErrorClass::Transient => Reason::AzureUnavailable,
        ErrorClass::Busy => Reason::AzureBusy,
        ErrorClass::Permission => Reason::MissingPermissions,
        ErrorClass::Prerequisite => Reason::PrerequisiteMissing,
        ErrorClass::Approval => Reason::AwaitingApproval,
        ErrorClass::Request => Reason::RequestRefused,
    }
}

/// What was asked of Azure, as the start of a sentence.
#[must_use]
pub fn activity(kind: OperationKind, target: &Target) -> String {
    let instance = target.instance.name();
    match kind {
        OperationKind::Validate => format!("Azure's validation of the backup of {}", target.database_label()),
        OperationKind::Create => format!("Creating the backup instance {instance}"),
        OperationKind::Update => format!("Changing the backup instance {instance}"),
        OperationKind::ValidateChange => format!("Azure's validation of the change of the backup instance {instance}"),
        OperationKind::Sync => format!("Asking Azure to protect {} again", target.database_label()),
        OperationKind::Resume => format!("Resuming the backups of the backup instance {instance}"),
        OperationKind::Suspend => format!("Suspending the backups of the backup instance {instance}"),
        OperationKind::Stop => format!("Stopping the backups of the backup instance {instance}"),
        OperationKind::Undelete => format!("Bringing back the soft-deleted backup instance {instance}"),
        OperationKind::Delete => format!("Deleting the backup instance {instance}"),
    }
}

/// A message for `status.conditions`: what failed, Azure's words, Azure's first recommended action.
#[must_use]
pub fn message(what: &str, error: &ServiceError) -> String {
    let mut text = format!("{what} failed");
    if !error.code.is_empty() {
        text.push_str(&format!(" with {}", error.code));
    }
    for sentence in [Some(error.message.as_str()), error.recommended_actions.first().map(String::as_str)] {
        match sentence.map(str::trim) {
            Some(sentence) if !sentence.is_empty() => {
                text.push_str(if text.ends_with(['.', '!', '?']) { " " } else { ": " });
                text.push_str(sentence);
            }
            _ => {}
        }
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// The error as data for `status.issues`.
#[must_use]
pub fn issue(source: IssueSource, error: &ServiceError) -> Issue {
    Issue {
        source,
        code: error.code.clone(),
        message: error.message.clone(),
        detail: error.detail.clone(),
        recommended_actions: error.recommended_actions.clone(),
        target: error.target.clone(),
        activity_id: error.activity_id.as_deref().map(|id| clip(id, 128)),
    }
}

/// At most `longest` bytes of a text: status takes no more.
#[must_use]
pub fn clip(text: &str, longest: usize) -> String {
    text[..text.floor_char_boundary(longest)].to_owned()
}

/// Where Azure said an error about a request of this kind.
#[must_use]
pub fn source(kind: OperationKind) -> IssueSource {
    match kind {
        OperationKind::Validate | OperationKind::ValidateChange => IssueSource::Validation,
        OperationKind::Create
        | OperationKind::Update
        | OperationKind::Sync
        | OperationKind::Resume
        | OperationKind::Suspend
        | OperationKind::Stop
        | OperationKind::Undelete
        | OperationKind::Delete => IssueSource::Operation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, message: &str, action: Option<&str>) -> ServiceError {
        ServiceError {
            code: code.to_owned(),
            message: message.to_owned(),
            recommended_actions: action.into_iter().map(str::to_owned).collect(),
            ..ServiceError::default()
        }
    }

    #[test]
    fn a_message_says_what_failed_why_and_what_to_do() {
        for (expected, error) in [
            (
                "Azure's validation of the backup of orders failed with UserErrorX: It is wrong. Make it right.",
                error("UserErrorX", "It is wrong.", Some("Make it right.")),
            ),
            (
                "Azure's validation of the backup of orders failed with UserErrorX: It is wrong: Make it right.",
                error("UserErrorX", "It is wrong", Some("Make it right")),
            ),
            ("Azure's validation of the backup of orders failed with Http502.", error("Http502", "", None)),
            ("Azure's validation of the backup of orders failed: It is wrong.", error("", "It is wrong.", Some(""))),
        ] {
            assert_eq!(message("Azure's validation of the backup of orders", &error), expected);
        }
    }

    #[test]
    fn the_reason_is_as_precise_as_the_code_allows() {
        for (code, expected) in [
            ("UserErrorDppDatasourceAlreadyProtected", Reason::AlreadyProtected),
            ("ResourceNotFound", Reason::PrerequisiteMissing),
            ("SubscriptionNotFound", Reason::PrerequisiteMissing),
            ("UserErrorMissingRequiredPermissions", Reason::MissingPermissions),
            ("UserErrorInvalidSecret", Reason::PrerequisiteMissing),
            ("UserErrorSecretValueInUnsupportedFormat", Reason::RequestRefused),
            ("CloudInternalError", Reason::AzureUnavailable),
        ] {
            let error = error(code, "", None);
            assert_eq!(reason(&error, error.class()), expected, "{code}");
        }
    }
}
