//! Azure Resource Manager's token buckets: how many requests a principal may send to a subscription.
//!
//! The sizes are documented; the buckets are filled in Azure's time. The text of the refusal is the one known from
//! Azure Resource Manager.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::{Clock, Moment};
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError};
use crate::http::Response;
use crate::route::ArmRoute;
use crate::settings::Throttling;

/// The kinds of requests that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Reads,
    Writes,
    Deletes,
}

impl Class {
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Reads,
            Method::DELETE => Self::Deletes,
            _ => Self::Writes,
        }
    }

    /// How many tokens a bucket holds, and how many come in a second.
    fn size(self) -> (f64, f64) {
        match self {
            Self::Reads => (250.0, 25.0),
            Self::Writes | Self::Deletes => (200.0, 10.0),
        }
    }

    fn header(self) -> HeaderName {
        HeaderName::from_static(match self {
            Self::Reads => "x-ms-ratelimit-remaining-subscription-reads",
            Self::Writes => "x-ms-ratelimit-remaining-subscription-writes",
            Self::Deletes => "x-ms-ratelimit-remaining-subscription-deletes",
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Reads => "read",
            Self::Writes => "write",
            Self::Deletes => "delete",
        }
    }
}

/// The buckets that are not full.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    buckets: BTreeMap<(String, Uuid, Class), Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Moment,
}

/// What came of asking a bucket for a token.
#[derive(Debug)]
pub(crate) struct Budget {
    class: Class,
    subscription: String,
    client: Uuid,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Granted { remaining: u64 },
    Refused { wait: Duration },
}

impl Engine {
    /// Takes a token for the request; `None` when requests are not counted.
    pub(crate) fn spend(&mut self, now: Timestamp, route: &ArmRoute, client: Uuid, method: &Method) -> Option<Budget> {
        if self.world.settings.throttling == Throttling::Off {
            return None;
        }
        let class = Class::of(method);
        let subscription = route.subscription.to_ascii_lowercase();
        let (capacity, rate) = class.size();
        let at = self.clock.moment(now);
        let full = Bucket { tokens: capacity, at };
        let bucket = self.throttle.buckets.entry((subscription.clone(), client, class)).or_insert(full);
        let elapsed = at.saturating_sub(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * rate).min(capacity);
        bucket.at = at.max(bucket.at);
        let outcome = if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 250")]
            let remaining = bucket.tokens as u64;
            Outcome::Granted { remaining }
        } else {
            Outcome::Refused { wait: Duration::from_secs_f64((1.0 - bucket.tokens) / rate) }
        };
        Some(Budget { class, subscription, client, outcome })
    }
}

impl Budget {
    /// The refusal, if it is one.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        let Outcome::Refused { wait } = self.outcome else {
            return Ok(());
        };
        let (word, seconds) = (self.class.word(), wait.as_secs() + 1);
        Err(FrontDoorError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "SubscriptionRequestsThrottled",
            format!(
                "Number of '{word}' requests for subscription '{}' actor '{}' exceeded. Please try again after '{seconds}' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
                self.subscription, self.client
            ),
        )
        .into())
    }

    /// Adds what is left to the answer, and to a refusal how long to wait.
    pub(crate) fn show(&self, clock: &Clock, response: &mut Response) {
        let remaining = match self.outcome {
            Outcome::Granted { remaining } => remaining,
            Outcome::Refused { wait } => {
                response.set(RETRY_AFTER, &clock.retry_after(wait).to_string());
                0
            }
        };
        response.set(self.class.header(), &remaining.to_string());
    }
}
