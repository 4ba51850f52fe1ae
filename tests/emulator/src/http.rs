//! Requests and responses as plain values, so that the engine needs neither a socket nor a runtime.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

/// The content type of nearly every answer of Azure Resource Manager.
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// One HTTP request, complete with its body.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query as sent, without the `?`; empty when there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty when there is none.
    pub body: Bytes,
}

impl Request {
    /// A request for `target`, which is a path with an optional query, or an absolute URL whose scheme and
    /// host are ignored (as in the `Azure-AsyncOperation` and `Location` headers).
    pub fn new(method: Method, target: &str) -> Self {
        let origin_form = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => target,
        };
        let (path, query) = origin_form.split_once('?').unwrap_or((origin_form, ""));
        Self { method, path: path.to_owned(), query: query.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The same request with one more header. A value that is no valid header value is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same request with a bearer token.
    #[must_use]
    pub fn with_bearer(self, token: &str) -> Self {
        self.with_header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// The bearer token that it carries.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn with_json(mut self, body: &serde_json::Value) -> Self {
        self.headers.insert(CONTENT_TYPE, JSON);
        self.body = Bytes::from(body.to_string());
        self
    }

    /// The first value of a query parameter, decoded. Names compare without regard to case, as in Azure.
    pub fn query_value(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    }

    /// A header's value, when it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What happens to a response on its way to the client. Anything but [`Delivery::Now`] comes from a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Sent as soon as it is there.
    #[default]
    Now,
    /// Sent after a wait of this real time.
    After(Duration),
    /// Never sent: the request took effect, then the connection broke.
    Never,
}

/// One HTTP response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, without `Content-Length`.
    pub headers: HeaderMap,
    /// The body; empty when there is none.
    pub body: Bytes,
    /// How it reaches the client.
    pub delivery: Delivery,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), delivery: Delivery::Now }
    }

    /// A response with a JSON body.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "every body is built from strings, numbers and maps with string keys, which always serialize"
        )]
        let body = serde_json::to_vec(body).expect("a body of plain data serializes");
        let mut response = Self::empty(status);
        response.headers.insert(CONTENT_TYPE, JSON);
        response.body = Bytes::from(body);
        response
    }

    /// Sets a header. A value that is no valid header value is left out.
    pub fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// The same response with a header set.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// A header's value, when it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `null` when it is empty or no JSON.
    pub fn body_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
