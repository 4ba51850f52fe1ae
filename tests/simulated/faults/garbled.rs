//! Answers as they should not be, of requests that have had their effect.

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue, LOCATION};
use serde_json::{Value, json};

use crate::wire::{Alteration, Fault};

type Answer = http::Response<Bytes>;

/// Larger than Resource Manager ever answers.
const GIANT: usize = 9 * 1024 * 1024;

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");

/// A fault that alters the answer.
pub const fn altered(what: &'static str, change: fn(&mut Answer)) -> Fault {
    Fault::Alter(Alteration { what, change })
}

pub fn empty(answer: &mut Answer) {
    *answer.body_mut() = Bytes::new();
}

pub fn truncated(answer: &mut Answer) {
    let half = answer.body().len() / 2;
    answer.body_mut().truncate(half);
}

pub fn not_json(answer: &mut Answer) {
    *answer.body_mut() = Bytes::from_static(b"<html><body>The proxy is being serviced.</body></html>");
}

pub fn giant(answer: &mut Answer) {
    *answer.body_mut() = Bytes::from(vec![b' '; GIANT]);
}

/// Valid JSON, and a list where an object should be.
pub fn of_wrong_type(answer: &mut Answer) {
    *answer.body_mut() = Bytes::from_static(b"[[], 7, \"surprise\"]");
}

/// The right fields with values of other types.
pub fn with_wrong_fields(answer: &mut Answer) {
    change_json(answer, |body| {
        if let Some(object) = body.as_object_mut() {
            object.values_mut().for_each(|value| *value = json!([7]));
        }
    });
}

pub fn without_headers(answer: &mut Answer) {
    answer.headers_mut().clear();
}

/// Only `Location`, and that relative.
pub fn with_relative_url(answer: &mut Answer) {
    if answer.headers_mut().remove(ASYNC_OPERATION).is_some() {
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("../operationResults/7"));
    }
}

/// The operation is to be looked at on another host.
pub fn with_foreign_host(answer: &mut Answer) {
    for header in [ASYNC_OPERATION, LOCATION] {
        if let Some(url) = answer.headers().get(&header) {
            let url = url.to_str().unwrap().replace("management.azure.com", "management.azure.com.example.net");
            answer.headers_mut().insert(header, url.parse().unwrap());
        }
    }
}

/// Both headers, and `Location` leads to another host.
pub fn with_both_headers(answer: &mut Answer) {
    if answer.headers().contains_key(ASYNC_OPERATION) {
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("https://example.net/operationResults/7"));
    }
}

/// The answer to a poll tells to poll something else from now on.
pub fn with_another_url(answer: &mut Answer) {
    let url = HeaderValue::from_static(
        "https://management.azure.com/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/providers/Microsoft.DataProtection/locations/westeurope/operationStatus/another",
    );
    answer.headers_mut().insert(ASYNC_OPERATION, url.clone());
    answer.headers_mut().insert(LOCATION, url);
}

pub fn still_running(answer: &mut Answer) {
    report(answer, json!({ "status": "Inprogress" }));
}

pub fn succeeded(answer: &mut Answer) {
    report(answer, json!({ "status": "Succeeded" }));
}

pub fn failed(answer: &mut Answer) {
    report(answer, json!({ "status": "Failed", "error": { "code": "InternalServerError", "message": "It broke." } }));
}

fn report(answer: &mut Answer, body: Value) {
    *answer.status_mut() = StatusCode::OK;
    *answer.body_mut() = body.to_string().into();
}

fn change_json(answer: &mut Answer, change: impl FnOnce(&mut Value)) {
    let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    change(&mut body);
    *answer.body_mut() = body.to_string().into();
}
