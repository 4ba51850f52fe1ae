//! What can go wrong with a request to Resource Manager.

use super::class::{ErrorClass, classify};
use super::credential::CredentialError;
use super::id::SubscriptionId;
use super::next_page::NextPageError;
use super::operation_path::OperationPathError;
use super::permit::OutsidePermit;
use super::request::{Operation, RequestIds};
use super::service_error::ServiceError;
use std::time::Duration;

/// A request to Resource Manager that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum AzureError {
    /// There is no token; nothing was sent.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// Nothing was sent, because Azure asked this subscription to wait.
    #[error("Azure asked for fewer requests in subscription {subscription}; waiting another {} s", retry_after.as_secs())]
    Throttled {
        /// The subscription that waits.
        subscription: SubscriptionId,
        /// How much longer.
        retry_after: Duration,
    },
    /// Nothing was sent, because this process may not change anything now.
    #[error("{operation}: not sent, because another replica of the operator acts by now")]
    Withheld {
        /// What was to be done.
        operation: Operation,
    },
    /// There is no permit for this; nothing was sent.
    #[error("{operation}: {source}")]
    Outside {
        /// What was to be done.
        operation: Operation,
        /// What it was about instead.
        source: OutsidePermit,
    },
    /// No connection came about; nothing was sent.
    #[error("{operation}: Azure Resource Manager cannot be reached")]
    NotSent {
        /// What was to be done.
        operation: Operation,
        /// Why the connection failed.
        source: azure_core::Error,
    },
    /// The request was sent, and the answer was lost: it may or may not have been carried out.
    #[error("{operation}: the answer of Azure Resource Manager was lost ({ids})")]
    OutcomeUnknown {
        /// What was to be done.
        operation: Operation,
        /// The ids of the request.
        ids: Box<RequestIds>,
        /// How it was lost.
        source: LostAnswer,
    },
    /// Azure answered with an error.
    #[error("{operation}: HTTP {status}, {error} ({ids})")]
    Http {
        /// What was to be done.
        operation: Operation,
        /// The HTTP status, 400 or above.
        status: u16,
        /// The error in Azure's words.
        error: Box<ServiceError>,
        /// The ids of the request.
        ids: Box<RequestIds>,
        /// How long Azure asks to wait, within one second and one hour.
        retry_after: Option<Duration>,
    },
    /// A status that is neither an error nor one of the operation's: a redirect, which is never followed, because the
    /// request carries an access token.
    #[error("{operation}: unexpected HTTP status {status} ({ids}); is there a proxy in between?")]
    UnexpectedStatus {
        /// What was to be done.
        operation: Operation,
        /// The HTTP status.
        status: u16,
        /// The ids of the request.
        ids: Box<RequestIds>,
    },
    /// Azure accepted the request, and the answer cannot be understood.
    #[error("{operation}: {problem} ({ids})")]
    Decode {
        /// What was done.
        operation: Operation,
        /// What is wrong with the answer.
        problem: &'static str,
        /// The ids of the request.
        ids: Box<RequestIds>,
    },
    /// Azure accepted the request, and where to follow it cannot be used.
    #[error("{operation}: accepted, but it cannot be followed: {source}")]
    PollUrl {
        /// What was started.
        operation: Operation,
        /// What is wrong with the poll URL.
        source: OperationPathError,
    },
    /// Azure gave a page of a list, and the link to the next one cannot be used; the list is incomplete without it.
    #[error("{operation}: the list goes on, but the rest cannot be read: {source}")]
    PageUrl {
        /// What was listed.
        operation: Operation,
        /// What is wrong with the link.
        source: NextPageError,
    },
}

/// How the answer to a request was lost.
#[derive(Debug, thiserror::Error)]
pub enum LostAnswer {
    /// No complete answer in time.
    #[error("no complete answer within {} s", after.as_secs())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection broke")]
    Connection(#[source] azure_core::Error),
    /// The answer is larger than Resource Manager allows.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// Whether a request that failed may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It never left.
    NotSent,
    /// Azure said no.
    Refused,
    /// Nobody knows: look at the resource before sending it again.
    Unknown,
}

impl AzureError {
    /// What follows from the error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Credential(error) => error.class(),
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Outside { .. } => ErrorClass::Request,
            Self::Http { status, error, .. } => classify(Some(*status), &error.code),
            Self::Withheld { .. }
            | Self::NotSent { .. }
            | Self::OutcomeUnknown { .. }
            | Self::UnexpectedStatus { .. }
            | Self::Decode { .. }
            | Self::PollUrl { .. }
            | Self::PageUrl { .. } => ErrorClass::Transient,
        }
    }

    /// Whether the request may have been carried out all the same.
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Credential(_)
            | Self::Throttled { .. }
            | Self::Withheld { .. }
            | Self::Outside { .. }
            | Self::NotSent { .. } => Delivery::NotSent,
            // A gateway that gave up (408, 502, 504) does not know what became of what it had passed on.
            Self::Http { status: 408, .. } => Delivery::Unknown,
            Self::Http { status: 400..=499 | 500 | 503, .. } => Delivery::Refused,
            Self::Http { .. }
            | Self::OutcomeUnknown { .. }
            | Self::UnexpectedStatus { .. }
            | Self::Decode { .. }
            | Self::PollUrl { .. }
            | Self::PageUrl { .. } => Delivery::Unknown,
        }
    }

    /// How long Azure asks to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Http { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status, where there was an answer with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http { status, .. } | Self::UnexpectedStatus { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The ids of the request, where it was sent and they are known.
    pub fn ids(&self) -> Option<&RequestIds> {
        match self {
            Self::OutcomeUnknown { ids, .. }
            | Self::Http { ids, .. }
            | Self::UnexpectedStatus { ids, .. }
            | Self::Decode { ids, .. } => Some(ids),
            Self::Credential(_)
            | Self::Throttled { .. }
            | Self::Withheld { .. }
            | Self::Outside { .. }
            | Self::NotSent { .. }
            | Self::PollUrl { .. }
            | Self::PageUrl { .. } => None,
        }
    }

    /// Whether Azure answered with this code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Http { error, .. } if error.code.eq_ignore_ascii_case(code))
    }

    /// Whether Resource Manager itself says that the vault, or the resource group with the vault, does not exist. A 404
    /// without one of its codes, and a subscription that is not found, which may be one we lost access to, prove nothing.
    pub fn is_gone(&self) -> bool {
        const CODES: [&str; 3] = ["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound"];
        matches!(self, Self::Http { status: 404, error, .. }
            if CODES.iter().any(|code| code.eq_ignore_ascii_case(&error.code)))
    }

    /// The error for the status of an object: Azure's own, or one in the same form. The same failure gives the same text;
    /// times, waits and request ids are left out.
    pub fn service_error(&self) -> ServiceError {
        match self {
            Self::Http { error, .. } => (**error).clone(),
            Self::Credential(error) => ServiceError::own("CredentialUnavailable", error),
            Self::Throttled { .. } => {
                ServiceError::own("TooManyRequests", "Azure asked for fewer requests in this subscription.")
            }
            Self::Withheld { .. } => ServiceError::own("NotLeading", "Another replica of the operator acts by now."),
            Self::Outside { source, .. } => ServiceError::own("OutsidePermit", source),
            Self::NotSent { .. } => ServiceError::own("ConnectionFailed", "Azure Resource Manager cannot be reached."),
            Self::OutcomeUnknown { source, .. } => ServiceError::own(
                "AnswerLost",
                match source {
                    LostAnswer::Timeout { .. } => "Azure Resource Manager did not answer in time.",
                    LostAnswer::Connection(_) => "The connection broke before Azure Resource Manager had answered.",
                    LostAnswer::TooLarge { .. } => "The answer of Azure Resource Manager was too large.",
                },
            ),
            Self::UnexpectedStatus { status, .. } => ServiceError::own(
                "UnexpectedStatus",
                format_args!(
                    "Azure Resource Manager answered with HTTP status {status}, which this operation never has."
                ),
            ),
            Self::Decode { problem, .. } => ServiceError::own("UnreadableAnswer", problem),
            Self::PollUrl { source, .. } => ServiceError::own("UnusablePollUrl", source),
            Self::PageUrl { source, .. } => ServiceError::own("UnusablePageUrl", source),
        }
    }
}

#[cfg(test)]
mod tests;
