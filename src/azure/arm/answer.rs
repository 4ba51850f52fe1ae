//! A complete answer of Resource Manager.

use super::pause;
use crate::azure::credential::BearerToken;
use crate::azure::error::{AzureError, LostAnswer};
use crate::azure::rate_limit::RateLimit;
use crate::azure::request::{Operation, RequestIds};
use crate::azure::service_error::ServiceError;
use azure_core::http::AsyncRawResponse;
use azure_core::http::headers::{HeaderName, Headers};
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// The largest answer Resource Manager gives: 8 MB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// An answer whose body has been read to the end.
pub(in crate::azure) struct Answer {
    operation: Operation,
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    ids: RequestIds,
}

impl Answer {
    pub(super) async fn read(
        operation: Operation,
        response: AsyncRawResponse,
        mut ids: RequestIds,
    ) -> Result<Self, LostAnswer> {
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(LostAnswer::Connection)?;
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(LostAnswer::TooLarge { limit: BODY_LIMIT });
            }
            body.extend_from_slice(&chunk);
        }
        ids.answered(&headers);
        Ok(Self { operation, status: status.into(), headers, body, ids })
    }

    pub(in crate::azure) fn status(&self) -> u16 {
        self.status
    }

    /// The `Retry-After`: whole seconds, the only form Resource Manager uses. Anything else counts as absent; a number too
    /// large for this machine as the largest.
    pub(in crate::azure) fn retry_after(&self) -> Option<Duration> {
        parse_retry_after(self.header("retry-after")?)
    }

    pub(in crate::azure) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get_optional_str(&HeaderName::from_static(name)).filter(|value| !value.trim().is_empty())
    }

    /// How much is left of the limits that the request counted against.
    pub(super) fn remaining(&self) -> impl Iterator<Item = (RateLimit, u32)> {
        RateLimit::ALL.into_iter().filter_map(|limit| Some((limit, self.header(limit.header())?.trim().parse().ok()?)))
    }

    pub(super) fn ids(&self) -> &RequestIds {
        &self.ids
    }

    /// The body as JSON.
    pub(in crate::azure) fn json(&self) -> Result<Value, AzureError> {
        serde_json::from_slice(&self.body).map_err(|_| self.unreadable("the answer is not JSON"))
    }

    /// The error for an answer that was successful but cannot be understood.
    pub(in crate::azure) fn unreadable(&self, problem: &'static str) -> AzureError {
        AzureError::Decode { operation: self.operation, problem, ids: Box::new(self.ids.clone()) }
    }

    /// The error for an answer that is none of the successful ones.
    pub(super) fn refusal(&self, token: &BearerToken) -> AzureError {
        let (operation, status) = (self.operation, self.status);
        let ids = Box::new(self.ids.clone());
        if status < 400 {
            return AzureError::UnexpectedStatus { operation, status, ids };
        }
        // An error page that echoes the request must not carry the token into a log or a status.
        let body = String::from_utf8_lossy(&self.body).replace(token.secret.secret(), "[token]");
        let error = ServiceError::of_answer(status, self.header("x-ms-error-code"), body.as_bytes());
        let throttled = (status == 429).then_some(pause::DEFAULT);
        let retry_after = self.retry_after().map(pause::clamp).or(throttled);
        AzureError::Http { operation, status, error: Box::new(error), ids, retry_after }
    }
}

fn parse_retry_after(text: &str) -> Option<Duration> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(digits.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retry_after_is_whole_seconds_or_nothing() {
        let cases = [
            ("0", Some(0)),
            ("30", Some(30)),
            (" 10 ", Some(10)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_retry_after(text), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(text in any::<String>()) {
            let _ = parse_retry_after(&text);
        }
    }
}
