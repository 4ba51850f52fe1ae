//! The errors of Entra's token endpoint.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use crate::engine::Engine;
use crate::http::Response;

/// Why no token is issued.
#[derive(Debug)]
pub(crate) struct EntraError {
    status: StatusCode,
    error: &'static str,
    /// The number after `AADSTS`.
    code: u32,
    description: String,
}

impl EntraError {
    /// 400.
    pub(crate) fn bad_request(error: &'static str, code: u32, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, code, description: description.into() }
    }

    /// 401 `invalid_client`: whoever asks has not proved to be the client.
    pub(crate) fn invalid_client(code: u32, description: impl Into<String>) -> Self {
        let status = StatusCode::UNAUTHORIZED;
        Self { status, error: "invalid_client", code, description: description.into() }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        let description = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::bad_request("invalid_request", 900_144, description)
    }
}

impl Engine {
    pub(crate) fn entra_error(&mut self, now: Timestamp, error: &EntraError) -> Response {
        let (trace, correlation) = (self.random.guid(), self.random.guid());
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let code = error.code;
        let description = format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            error.description
        );
        let body = json!({
            "error": error.error,
            "error_description": description,
            "error_codes": [code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        Response::json(error.status, &body)
    }
}
