//! A complete answer of Resource Manager.

use super::pause;
use crate::azure::credential::BearerToken;
use crate::azure::error::{AzureError, LostAnswer};
use crate::azure::rate_limit::RateLimit;
use crate::azure::request::{Operation, RequestIds};
use crate::azure::retry_after::parse_retry_after;
use crate::azure::service_error::ServiceError;
use azure_core::http::AsyncRawResponse;
use azure_core::http::headers::{HeaderName, Headers};
use futures::StreamExt;
use serde_json::Value;
use std::time::Duration;

/// The largest answer Resource Manager gives: 8 MB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What stands in the place of an access token.
const REDACTED: &str = "[token]";

/// An answer whose body has been read to the end.
pub(in crate::azure) struct Answer {
    operation: Operation,
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    ids: RequestIds,
}

impl Answer {
    /// Reads an answer to a request that was sent with `token`. What repeats the request must not carry the token into a log,
    /// a status or an event, wherever in the answer it stands.
    pub(super) async fn read(
        operation: Operation,
        response: AsyncRawResponse,
        mut ids: RequestIds,
        token: &BearerToken,
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
        let headers = without_token(&headers, token.secret.secret());
        let text = String::from_utf8_lossy(&body);
        if text.contains(token.secret.secret()) {
            body = text.replace(token.secret.secret(), REDACTED).into_bytes();
        }
        ids.answered(&headers);
        Ok(Self { operation, status: status.into(), headers, body, ids })
    }

    pub(in crate::azure) fn status(&self) -> u16 {
        self.status
    }

    /// The `Retry-After`, if it can be read.
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
    pub(super) fn refusal(&self) -> AzureError {
        let (operation, status) = (self.operation, self.status);
        let ids = Box::new(self.ids.clone());
        if status < 400 {
            return AzureError::UnexpectedStatus { operation, status, ids };
        }
        let error = ServiceError::of_answer(status, self.header("x-ms-error-code"), &self.body);
        let throttled = (status == 429).then_some(pause::DEFAULT);
        let retry_after = self.retry_after().map(pause::clamp).or(throttled);
        AzureError::Http { operation, status, error: Box::new(error), ids, retry_after }
    }
}

fn without_token(headers: &Headers, token: &str) -> Headers {
    let mut clean = Headers::new();
    for (name, value) in headers.iter() {
        clean.insert(name.clone(), value.as_str().replace(token, REDACTED));
    }
    clean
}
