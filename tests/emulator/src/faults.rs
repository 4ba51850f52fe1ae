//! Faults on demand: the next requests that match are refused, lost or slowed down.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arm::Doom;
use crate::errors::UserFacingError;
use crate::http::{Delivery, Request, Response};
use crate::route::Kind;

/// What goes wrong, with which requests, and how often.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Only requests with this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path contains this, in any casing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_contains: Option<String>,
    /// Only requests of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How many requests are hit.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

/// What a fault does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// Answered with this; the request has no effect.
    Respond {
        /// The status code.
        status: u16,
        /// Headers, such as `Retry-After`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The JSON body.
        #[serde(default)]
        body: Option<Value>,
    },
    /// Answered with this text, whatever it is; the request has no effect.
    RespondText {
        /// The status code.
        status: u16,
        /// Headers, such as `Content-Type`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body, as it is sent.
        text: String,
    },
    /// The connection breaks; the request has no effect.
    DropRequest,
    /// The request takes effect, then the connection breaks.
    DropResponse,
    /// The connection breaks, or the answer is another one; the request takes effect later all the same.
    LandLate {
        /// After how many seconds of Azure's time.
        seconds: u64,
        /// The status of the answer, such as 504. Left out: the connection breaks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    },
    /// The request is accepted, and the operation that it starts fails.
    FailOperation {
        /// What it fails with.
        error: UserFacingError,
        /// After how many seconds of Azure's time. Left out: when it would have ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_seconds: Option<u64>,
    },
    /// The request takes effect, the answer comes late.
    Delay {
        /// By how many milliseconds of real time.
        milliseconds: u64,
    },
}

impl Fault {
    fn hits(&self, request: &Request, kind: Kind) -> bool {
        let method = self.method.as_deref();
        let path = self.path_contains.as_deref().map(str::to_ascii_lowercase);
        method.is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
            && path.is_none_or(|part| request.path.to_ascii_lowercase().contains(&part))
            && self.kind.is_none_or(|wanted| wanted == kind)
    }
}

impl Effect {
    /// The answer, when the request is not to take effect.
    pub(crate) fn instead(&self) -> Option<Response> {
        match self {
            Self::Respond { status, headers, body } => {
                let response = match body {
                    Some(body) => Response::json(status_code(*status), body),
                    None => Response::empty(status_code(*status)),
                };
                Some(with_headers(response, headers))
            }
            Self::RespondText { status, headers, text } => {
                let response = Response { body: text.clone().into(), ..Response::empty(status_code(*status)) };
                Some(with_headers(response, headers))
            }
            Self::DropRequest => {
                Some(Response { delivery: Delivery::Never, ..Response::empty(StatusCode::BAD_GATEWAY) })
            }
            Self::LandLate { status, .. } => {
                let delivery = if status.is_some() { Delivery::Now } else { Delivery::Never };
                let status = status.map_or(StatusCode::BAD_GATEWAY, status_code);
                Some(Response { delivery, ..Response::empty(status) })
            }
            Self::DropResponse | Self::Delay { .. } | Self::FailOperation { .. } => None,
        }
    }

    /// How the answer of a request that took effect is delivered.
    pub(crate) fn delivery(&self) -> Delivery {
        match self {
            Self::DropResponse | Self::DropRequest => Delivery::Never,
            Self::Delay { milliseconds } => Delivery::After(Duration::from_millis(*milliseconds)),
            Self::Respond { .. } | Self::RespondText { .. } | Self::LandLate { .. } | Self::FailOperation { .. } => {
                Delivery::Now
            }
        }
    }

    /// After how much of Azure's time a request that got lost takes effect.
    pub(crate) fn lands_after(&self) -> Option<Duration> {
        match self {
            Self::LandLate { seconds, .. } => Some(Duration::from_secs(*seconds)),
            _ => None,
        }
    }

    /// How the operation fails that the request starts.
    pub(crate) fn doom(&self) -> Option<Doom> {
        match self {
            Self::FailOperation { error, after_seconds } => {
                Some(Doom { error: error.clone(), takes: after_seconds.map(Duration::from_secs) })
            }
            _ => None,
        }
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_headers(mut response: Response, headers: &BTreeMap<String, String>) -> Response {
    for (name, value) in headers {
        if let Ok(name) = HeaderName::try_from(name) {
            response.set(name, value);
        }
    }
    response
}

/// The faults that are set, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    set: BTreeMap<u64, Fault>,
    count: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.count += 1;
        self.set.insert(self.count, fault);
        self.count
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        self.set.remove(&id).is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }

    /// The faults that have hits left, with their numbers.
    pub(crate) fn pending(&self) -> &BTreeMap<u64, Fault> {
        &self.set
    }

    /// The oldest fault that hits the request; used up by one.
    pub(crate) fn strike(&mut self, request: &Request, kind: Kind) -> Option<(u64, Effect)> {
        let (id, fault) = self.set.iter_mut().find(|(_, fault)| fault.times > 0 && fault.hits(request, kind))?;
        fault.times -= 1;
        let struck = (*id, fault.effect.clone());
        if fault.times == 0 {
            self.set.remove(&struck.0);
        }
        Some(struck)
    }
}
