//! Requests to Azure, what Azure has left for us, and who could not sign in.

use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::bounded::Bounded;
use super::definition;
use super::seconds;
use crate::azure::{IdentityKind, Operation, RateLimit, SubscriptionId};

/// How many subscriptions are told apart.
const MOST_SUBSCRIPTIONS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SubscriptionLabels {
    subscription: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    subscription: String,
    operation: &'static str,
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IdentityLabels {
    identity: &'static str,
}

/// Counts and times requests to Azure.
#[derive(Debug)]
pub(super) struct AzureRequests {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<OperationLabels, Histogram>,
    throttled: Family<SubscriptionLabels, Counter>,
    remaining: Family<LimitLabels, Gauge>,
    credential_failures: Family<IdentityLabels, Counter>,
    last_contact: Gauge,
    subscriptions: Bounded,
}

impl AzureRequests {
    /// Registers everything; requests are counted from the first one.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let credential_failures = Family::<IdentityLabels, Counter>::default();
        for identity in IdentityKind::ALL {
            let _ = credential_failures.get_or_create(&IdentityLabels { identity: identity.name() });
        }
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            throttled: Family::default(),
            remaining: Family::default(),
            credential_failures,
            last_contact: Gauge::default(),
            subscriptions: Bounded::to(MOST_SUBSCRIPTIONS),
        };
        definition::REQUESTS.register(registry, metrics.requests.clone());
        definition::REQUEST_TIME.register(registry, metrics.seconds.clone());
        definition::THROTTLED.register(registry, metrics.throttled.clone());
        definition::REMAINING.register(registry, metrics.remaining.clone());
        definition::CREDENTIAL_FAILURES.register(registry, metrics.credential_failures.clone());
        definition::LAST_CONTACT.register(registry, metrics.last_contact.clone());
        metrics
    }

    pub(super) fn finished(
        &self,
        operation: Operation,
        subscription: &SubscriptionId,
        status: Option<u16>,
        elapsed: Duration,
    ) {
        let operation = operation.name();
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&RequestLabels { operation, code }).inc();
        self.seconds.get_or_create(&OperationLabels { operation }).observe(elapsed.as_secs_f64());
        let subscription = self.subscriptions.label(subscription.as_str());
        let throttled = self.throttled.get_or_create_owned(&SubscriptionLabels { subscription });
        match status {
            Some(429) => drop(throttled.inc()),
            None | Some(401 | 408 | 500..) => {}
            Some(_) => drop(self.last_contact.set(Timestamp::now().as_second())),
        }
    }

    pub(super) fn remaining(
        &self,
        operation: Operation,
        subscription: &SubscriptionId,
        limit: RateLimit,
        remaining: u32,
    ) {
        let subscription = self.subscriptions.label(subscription.as_str());
        let labels = LimitLabels { subscription, operation: operation.name(), limit: limit.name() };
        self.remaining.get_or_create(&labels).set(i64::from(remaining));
    }

    pub(super) fn no_token(&self, identity: IdentityKind) {
        self.credential_failures.get_or_create(&IdentityLabels { identity: identity.name() }).inc();
    }
}
