//! Why there is no token.

use super::assertion::AssertionError;
use super::kind::CredentialKind;
use crate::azure::class::ErrorClass;
use std::error::Error;
use std::time::Duration;

/// There is no credential, or it gives no token.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Nothing in the environment says who the operator is.
    #[error(
        "no Azure credential found: none of AZURE_FEDERATED_TOKEN_FILE (workload identity), AZURE_CLIENT_SECRET \
         (client secret), IDENTITY_ENDPOINT and MSI_ENDPOINT (managed identity) is set; set up one of them, or choose \
         a credential explicitly: workload-identity, managed-identity (also works with the identity of a virtual \
         machine, which sets no variable), client-secret or azure-cli"
    )]
    NothingFound,
    /// The chosen credential needs more than is there.
    #[error("the Azure credential {kind} needs {}, which is not set", variables.join(" and "))]
    Missing {
        /// The credential that was chosen.
        kind: CredentialKind,
        /// The environment variables that are missing or empty.
        variables: Vec<&'static str>,
    },
    /// The settings are there but do not make a credential: an unreadable token file, a malformed tenant id.
    #[error("the Azure credential {kind} cannot be used: {source}")]
    Unusable {
        /// The credential that was chosen.
        kind: CredentialKind,
        /// What is wrong, from `azure_identity`.
        source: azure_core::Error,
    },
    /// Microsoft Entra ID, or the identity endpoint, answered no.
    #[error("Azure issued no access token: {message}")]
    Refused {
        /// The answer, without trace ids and times.
        message: String,
        /// The same with everything.
        source: azure_core::Error,
    },
    /// There is nothing to exchange for an access token.
    #[error(transparent)]
    Assertion(AssertionError),
    /// Nobody answered, or not intelligibly.
    #[error("no access token could be fetched: {message}")]
    Unreachable {
        /// What went wrong, without trace ids and times.
        message: String,
        /// The same with everything.
        source: azure_core::Error,
    },
    /// An answer of success without a token in it.
    #[error("the identity endpoint answered without an access token")]
    NoToken,
    /// Nobody answered in time.
    #[error("no access token within {} s", after.as_secs())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
}

impl CredentialError {
    pub(super) fn acquire(source: azure_core::Error) -> Self {
        if let Some(error) = find::<AssertionError>(&source) {
            return Self::Assertion(error.clone());
        }
        let message = without_trace(&source.to_string());
        match http_status(&source) {
            Some(400..=499) => Self::Refused { message, source },
            _ => Self::Unreachable { message, source },
        }
    }

    /// What to do about it: somebody must set up the identity, or it is tried again.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NothingFound
            | Self::Missing { .. }
            | Self::Unusable { .. }
            | Self::Refused { .. }
            | Self::Assertion(AssertionError::Refused(_)) => ErrorClass::Permission,
            Self::Assertion(AssertionError::Unavailable(_))
            | Self::Unreachable { .. }
            | Self::NoToken
            | Self::Timeout { .. } => ErrorClass::Transient,
        }
    }
}

/// The status of the HTTP answer somewhere in the chain of causes. Throttling and time-outs say nothing about the
/// identity and do not count.
fn http_status(error: &azure_core::Error) -> Option<u16> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(status) = error.downcast_ref::<azure_core::Error>().and_then(azure_core::Error::http_status) {
            return Some(u16::from(status)).filter(|status| !matches!(status, 408 | 429));
        }
        cause = error.source();
    }
    None
}

/// The first error of a type in the chain of causes.
fn find<E: Error + 'static>(error: &azure_core::Error) -> Option<&E> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Cuts what differs between two identical failures: Entra ID ends its descriptions with trace id, correlation id and time.
fn without_trace(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let end = ["Trace ID:", "Correlation ID:", "Timestamp:"].iter().filter_map(|tail| text.find(tail)).min();
    let stable = text[..end.unwrap_or(text.len())].trim();
    stable.chars().take(LONGEST).collect()
}
