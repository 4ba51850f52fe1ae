#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::azure::request::CallContext;
use azure_core::error::ErrorKind;

fn ids() -> Box<RequestIds> {
    Box::new(RequestIds::new(&CallContext::new()))
}

fn http(status: u16, code: &str) -> AzureError {
    let error = ServiceError { code: code.to_owned(), message: "M.".to_owned(), ..ServiceError::default() };
    AzureError::Http {
        operation: Operation::PutBackupInstance,
        status,
        error: Box::new(error),
        ids: ids(),
        retry_after: None,
    }
}

fn subscription() -> SubscriptionId {
    "7b1f36a2-6d1c-4a54-8f0e-0c6d2f3a9b11".parse().unwrap()
}

/// Every error that is not an answer of Azure.
fn own_errors() -> Vec<(AzureError, Delivery, ErrorClass)> {
    let operation = Operation::PutBackupInstance;
    let network = |kind| azure_core::Error::with_message(kind, "network");
    let lost = |source| AzureError::OutcomeUnknown { operation, ids: ids(), source };
    let timeout = LostAnswer::Timeout { after: Duration::from_secs(60) };
    use ErrorClass::{Permission, Throttled, Transient};
    vec![
        (CredentialError::NothingFound.into(), Delivery::NotSent, Permission),
        (CredentialError::Timeout { after: Duration::from_secs(20) }.into(), Delivery::NotSent, Transient),
        (
            AzureError::Throttled { subscription: subscription(), retry_after: Duration::from_secs(9) },
            Delivery::NotSent,
            Throttled,
        ),
        (AzureError::Withheld { operation }, Delivery::NotSent, Transient),
        (AzureError::NotSent { operation, source: network(ErrorKind::Connection) }, Delivery::NotSent, Transient),
        (lost(timeout), Delivery::Unknown, Transient),
        (lost(LostAnswer::Connection(network(ErrorKind::Io))), Delivery::Unknown, Transient),
        (lost(LostAnswer::TooLarge { limit: 8 }), Delivery::Unknown, Transient),
        (AzureError::UnexpectedStatus { operation, status: 302, ids: ids() }, Delivery::Unknown, Transient),
        (AzureError::Decode { operation, problem: "the answer is not JSON", ids: ids() }, Delivery::Unknown, Transient),
        (AzureError::PollUrl { operation, source: OperationPathError::NotHttps }, Delivery::Unknown, Transient),
        (AzureError::PageUrl { operation, source: NextPageError::NotHttps }, Delivery::Unknown, Transient),
    ]
}

#[test]
fn what_becomes_of_a_request_that_got_no_answer() {
    for (error, delivery, class) in own_errors() {
        assert_eq!(error.delivery(), delivery, "{error}");
        assert_eq!(error.class(), class, "{error}");
        assert!(!error.is_gone(), "{error}");
    }
}

#[test]
fn what_becomes_of_a_request_that_was_refused() {
    let refused = [400, 401, 403, 404, 409, 412, 429, 500, 503];
    let unknown = [408, 501, 502, 504, 599];
    for status in refused {
        assert_eq!(http(status, "X").delivery(), Delivery::Refused, "{status}");
    }
    for status in unknown {
        assert_eq!(http(status, "X").delivery(), Delivery::Unknown, "{status}");
    }
}

#[test]
fn only_codes_of_resource_manager_with_a_404_mean_gone() {
    for code in ["ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "resourcenotfound"] {
        assert!(http(404, code).is_gone(), "{code}");
        assert!(!http(400, code).is_gone(), "{code}");
    }
    for code in ["", "Http404", "UserErrorGenericResourceNotFound", "SubscriptionNotFound", "NotFound"] {
        assert!(!http(404, code).is_gone(), "{code}");
    }
}

#[test]
fn the_text_for_a_status_is_the_same_every_time() {
    for (first, second) in own_errors().into_iter().zip(own_errors()) {
        let error = first.0.service_error();
        assert_eq!(error, second.0.service_error());
        assert!(!error.code.is_empty() && !error.message.is_empty());
    }
    assert_eq!(http(403, "AuthorizationFailed").service_error().code, "AuthorizationFailed");
}

#[test]
fn a_message_says_what_was_done_and_how_to_find_it() {
    let error = http(403, "AuthorizationFailed").to_string();
    assert!(
        error.starts_with("writing the backup instance: HTTP 403, AuthorizationFailed: M. (correlation id "),
        "{error}"
    );
    assert!(error.contains("client request id "), "{error}");
}

#[test]
fn waits_come_from_azure_alone() {
    let throttled = AzureError::Throttled { subscription: subscription(), retry_after: Duration::from_secs(9) };
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(9)));
    assert_eq!(http(503, "X").retry_after(), None);
    assert_eq!((http(503, "X").status(), throttled.status()), (Some(503), None));
}
