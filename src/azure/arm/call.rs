//! A request on its way out.

use crate::azure::credential::BearerToken;
use crate::azure::id::SubscriptionId;
use crate::azure::request::{Operation, RequestIds};
use azure_core::http::headers::HeaderName;
use azure_core::http::{Method, Request, Url};
use serde_json::Value;

pub(super) const USER_AGENT: &str = concat!("postgres-backup-operator/", env!("CARGO_PKG_VERSION"));

/// A request to be sent.
pub(in crate::azure) struct Call<'a> {
    pub(in crate::azure) operation: Operation,
    pub(in crate::azure) method: Method,
    /// Whose request limits the call counts against.
    pub(in crate::azure) subscription: &'a SubscriptionId,
    /// Percent-encoded, beginning with a slash.
    pub(in crate::azure) path_and_query: String,
    pub(in crate::azure) body: Option<&'a Value>,
    /// The statuses of success.
    pub(in crate::azure) expected: &'static [u16],
}

impl Call<'_> {
    /// The HTTP request, with everything Resource Manager is told besides the body.
    pub(super) fn request(
        &self,
        arm_endpoint: &str,
        ids: &RequestIds,
        token: &BearerToken,
    ) -> azure_core::Result<Request> {
        let url = Url::parse(&format!("{arm_endpoint}{}", self.path_and_query))?;
        let mut request = Request::new(url, self.method);
        let mut header = |name: &'static str, value: String| {
            request.insert_header(HeaderName::from_static(name), value);
        };
        header("authorization", format!("Bearer {}", token.secret.secret()));
        header("accept", "application/json".to_owned());
        // Decides the language of error messages, which end up in the status of an object.
        header("accept-language", "en-US".to_owned());
        header("user-agent", USER_AGENT.to_owned());
        header("x-ms-client-request-id", ids.client_request_id.to_string());
        header("x-ms-correlation-request-id", ids.correlation_id.clone());
        header("x-ms-return-client-request-id", "true".to_owned());
        if let Some(body) = self.body {
            header("content-type", "application/json".to_owned());
            request.set_body(body.to_string());
        } else if self.method == Method::Post {
            // The HTTP client leaves the length of an empty body out, and Azure's front end then answers 411.
            header("content-length", "0".to_owned());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests;
