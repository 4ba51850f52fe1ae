//! What token endpoints answer, before the credentials of `azure_identity` read it: those buffer a body of any length, and
//! panic at a lifetime that does not fit a date.

use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use azure_core::{Error, Result};
use futures::StreamExt;
use serde_json::Value;
use std::pin::Pin;
use std::sync::Arc;

/// The largest answer that is read. A token has some kilobytes, even with hundreds of groups in it.
const BODY_LIMIT: usize = 256 * 1024;

/// The longest lifetime that is believed, in seconds: a hundred years. Entra ID gives an hour to a day.
const LONGEST_LIFETIME: i64 = 100 * 365 * 24 * 60 * 60;

/// The HTTP client that credentials are given.
#[derive(Debug)]
pub(super) struct TokenEndpoint(pub(super) Arc<dyn HttpClient>);

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl HttpClient for TokenEndpoint {
    fn execute_request<'client, 'request, 'future>(
        &'client self,
        request: &'request Request,
    ) -> Boxed<'future, Result<AsyncRawResponse>>
    where
        'client: 'future,
        'request: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let (status, headers, mut stream) = self.0.execute_request(request).await?.deconstruct();
            let mut body = Vec::new();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk?;
                if body.len() + chunk.len() > BODY_LIMIT {
                    return Err(nonsense(format!("its answer is longer than {BODY_LIMIT} bytes")));
                }
                body.extend_from_slice(&chunk);
            }
            if status.is_success() {
                check_lifetime(&body)?;
            }
            Ok(AsyncRawResponse::from_bytes(status, headers, body))
        })
    }
}

/// Refuses a lifetime that no date can express. An answer that is no JSON at all is left to who reads it.
fn check_lifetime(body: &[u8]) -> Result<()> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let seconds = match &answer["expires_in"] {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    match seconds {
        Some(seconds) if !(-LONGEST_LIFETIME..=LONGEST_LIFETIME).contains(&seconds) => {
            Err(nonsense(format!("it says that the token is good for {seconds} s")))
        }
        _ => Ok(()),
    }
}

fn nonsense(problem: String) -> Error {
    Error::with_message(ErrorKind::DataConversion, format!("the token endpoint makes no sense: {problem}"))
}
