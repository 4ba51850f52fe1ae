//! Why a pass broke off. What Azure answers is no error here: it becomes status.

use std::time::Duration;

use super::report::{ConfirmError, ReportError};
use super::validate::SpecError;

/// Why a pass broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object lacks what every stored object has.
    #[error("the object cannot be identified")]
    Identify(#[source] SpecError),
    /// The finalizer could not be changed.
    #[error("could not change the finalizer")]
    Finalizer(#[source] kube::Error),
    /// It is not sure that the object is still what was read.
    #[error(transparent)]
    Confirm(ConfirmError),
    /// What was about to be sent is not permitted any more.
    #[error("the grant was withdrawn while the object was worked on")]
    Revoked,
    /// This replica does not lead any more.
    #[error("another replica leads by now")]
    NotLeading,
    /// Status could not be reported.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The stored object is none that this operator knows.
    #[error(
        "cannot read the object as the API server stores it: {0}; install the CustomResourceDefinition of this operator's version and correct the object"
    )]
    Unreadable(String),
    /// The pass took too long.
    #[error("the pass was given up after {} s", .0.as_secs())]
    Deadline(Duration),
    /// The pass panicked; this is a defect of the operator.
    #[error("the pass panicked: {0}")]
    Panic(String),
}

impl Error {
    /// Whether the operator itself failed, so that trying again leads most likely to the same.
    #[must_use]
    pub fn is_own_failure(&self) -> bool {
        matches!(self, Self::Deadline(_) | Self::Panic(_) | Self::Report(ReportError::Contract(_)))
    }

    /// Whether merely something has changed since the pass began: the next pass, or the next leader, sees what is so now.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        match self {
            // A JSON patch whose test fails is answered with 422, as is an object that admission finds invalid.
            Self::Finalizer(kube::Error::Api(status)) => {
                matches!(status.code, 404 | 409) || (status.code == 422 && !status.message.contains("is invalid"))
            }
            Self::Report(ReportError::Write(kube::Error::Api(status))) => matches!(status.code, 404 | 409),
            Self::Confirm(ConfirmError::Changed) | Self::Revoked | Self::NotLeading => true,
            _ => false,
        }
    }
}
