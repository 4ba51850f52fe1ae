//! The record of every request to Azure Resource Manager and to the token endpoints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::http::{Delivery, Request, Response};
use crate::route::Kind;
use crate::token::Caller;

/// The headers that are kept. `Authorization` never is.
const REQUEST_HEADERS: [&str; 7] = [
    "accept-language",
    "content-type",
    "traceparent",
    "user-agent",
    "x-ms-client-request-id",
    "x-ms-correlation-request-id",
    "x-ms-return-client-request-id",
];

const RESPONSE_HEADERS: [&str; 5] =
    ["azure-asyncoperation", "location", "retry-after", "x-ms-correlation-request-id", "x-ms-request-id"];

/// One request and how it was answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The number of the request, counted from 1.
    pub sequence: u64,
    /// When it came.
    pub time: Timestamp,
    /// What it was for.
    pub kind: Kind,
    /// Who sent it: whom its token was issued to, good or not; of a request for a token, whose token was asked for.
    pub caller: Option<Caller>,
    /// What it needed permission for, such as `Microsoft.DataProtection/backupVaults/read`.
    pub action: Option<String>,
    /// The method.
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// The query as sent.
    pub query: String,
    /// Its `api-version`.
    pub api_version: Option<String>,
    /// The body, when it was JSON. Bodies of token requests are not kept.
    pub request_body: Option<Value>,
    /// A selection of the request's headers.
    pub request_headers: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: u16,
    /// The `error.code` of the answer, or of the failed operation that it shows.
    pub error_code: Option<String>,
    /// A selection of the answer's headers.
    pub response_headers: BTreeMap<String, String>,
    /// The fault that changed the request's course.
    pub fault: Option<u64>,
    /// Whether the answer was sent.
    pub answered: bool,
}

impl Entry {
    /// Whether the principal or application with this object id or client id sent it.
    pub fn is_by(&self, id: Uuid) -> bool {
        self.caller.is_some_and(|caller| caller.is(id))
    }
}

/// What is known of a request besides itself.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) kind: Kind,
    pub(crate) caller: Option<Caller>,
    pub(crate) action: Option<String>,
    pub(crate) fault: Option<u64>,
}

/// All requests since the start or the last clearing.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    count: u64,
}

impl Journal {
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        circumstances: Circumstances,
        request: &Request,
        response: &Response,
    ) {
        let Circumstances { kind, caller, action, fault } = circumstances;
        self.count += 1;
        let request_body = match kind {
            Kind::Token => None,
            _ => serde_json::from_slice(&request.body).ok(),
        };
        // A poll answers 200 even when it tells of a failure; other successes, long lists among them, have no error.
        let may_tell_of_error = kind == Kind::Poll || !response.status.is_success();
        let error_code =
            may_tell_of_error.then(|| response.body_json()["error"]["code"].as_str().map(str::to_owned)).flatten();
        self.entries.push(Entry {
            sequence: self.count,
            time: now,
            kind,
            caller,
            action,
            method: request.method.to_string(),
            path: request.path.clone(),
            query: request.query.clone(),
            api_version: request.query_value("api-version"),
            request_body,
            request_headers: select(&REQUEST_HEADERS, |name| request.header(name)),
            status: response.status.as_u16(),
            error_code,
            response_headers: select(&RESPONSE_HEADERS, |name| response.header(name)),
            fault,
            answered: response.delivery != Delivery::Never,
        });
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn select<'a>(names: &[&str], value: impl Fn(&str) -> Option<&'a str>) -> BTreeMap<String, String> {
    let pairs = names.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?.to_owned())));
    pairs.collect()
}
