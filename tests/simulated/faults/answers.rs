//! Connections that break, and answers that are late, wrong or nonsense.

use std::time::Duration;

use super::common;
use super::garbled::{altered, empty, giant, not_json, of_wrong_type, truncated, with_wrong_fields};
use crate::scenario::Cost;
use crate::sweep::{Disturbance, Effect, Share, sweep};
use crate::wire::{Call, Fault, Reply, Scope, Spell};
use crate::world::Setup;

/// A single fault has a request repeated, or what it is about looked at again.
const ONCE: Cost = Cost { accepted: 0, changes: 1, questions: 2, writes: 4 };

/// A trouble that lasts has what it is about repeated at its pace, and told when it begins and when it ends.
const LASTING: Cost = Cost { accepted: 0, changes: 60, questions: 60, writes: 40 };

const MINUTE: Duration = Duration::from_secs(60);

fn once(name: &'static str, befalls: fn(Call) -> bool, fault: impl Into<Fault>) -> Disturbance {
    Disturbance { name, effect: Effect::Once(fault.into()), befalls, bound: ONCE }
}

fn lasting(
    name: &'static str,
    befalls: fn(Call) -> bool,
    scope: Scope,
    minutes: u32,
    fault: impl Into<Fault>,
) -> Disturbance {
    let spell = Spell { scope, span: minutes * MINUTE };
    Disturbance { name, effect: Effect::Spell(fault.into(), spell), befalls, bound: LASTING }
}

/// What can befall the way to Azure and to Kubernetes alike.
fn of_connections(befalls: fn(Call) -> bool) -> Vec<Disturbance> {
    vec![
        once("connection refused", befalls, Fault::Refuse),
        once("connection reset before its effect", befalls, Fault::LoseRequest),
        once("connection reset after its effect", befalls, Fault::LoseAnswer),
        once("time-out after its effect", befalls, Fault::Delay(100 * Duration::from_secs(1))),
        lasting("nobody there for 20 minutes", befalls, Scope::Side, 20, Fault::Refuse),
        lasting("answers lost for 20 minutes", befalls, Scope::Alike, 20, Fault::LoseAnswer),
    ]
}

fn of_azure() -> Vec<Disturbance> {
    let azure = Call::is_azure;
    let mut all = of_connections(azure);
    all.extend([
        once("time-out without effect", azure, Fault::Silence),
        once(
            "effect 100 s after the connection broke",
            Call::writes_azure,
            Fault::ArriveLate(Duration::from_secs(100)),
        ),
        once(
            "effect 290 s after the connection broke",
            Call::writes_azure,
            Fault::ArriveLate(Duration::from_secs(290)),
        ),
        once("408", azure, Reply::error(408, "RequestTimeout")),
        once("409", azure, Reply::error(409, "AnotherOperationInProgress")),
        once("412", azure, Reply::error(412, "PreconditionFailed")),
        once("429 with Retry-After", azure, Reply::error(429, "TooManyRequests").retry_after(90)),
        once("429 without Retry-After", azure, Reply::error(429, "TooManyRequests")),
        once("500", azure, Reply::error(500, "InternalServerError")),
        once("502", azure, Reply::error(502, "BadGateway")),
        once("503 with Retry-After", azure, Reply::error(503, "ServerBusy").retry_after(40)),
        once("504", azure, Reply::error(504, "GatewayTimeout")),
        once("401", azure, Reply::error(401, "InvalidAuthenticationToken")),
        once("302", azure, Reply::error(302, "Found").with("location", "https://example.net/")),
        once("empty body", azure, altered("empty body", empty)),
        once("truncated body", azure, altered("truncated body", truncated)),
        once("body that is no JSON", azure, altered("no JSON", not_json)),
        once("giant body", azure, altered("giant body", giant)),
        once("body of another type", azure, altered("another type", of_wrong_type)),
        once("body with fields of other types", azure, altered("fields of other types", with_wrong_fields)),
        lasting("401 for 45 minutes", azure, Scope::Side, 45, Reply::error(401, "InvalidAuthenticationToken")),
        lasting("403 for 45 minutes", azure, Scope::Side, 45, Reply::error(403, "AuthorizationFailed")),
        lasting("500 for 45 minutes", azure, Scope::Side, 45, Reply::error(500, "InternalServerError")),
        lasting("429 for 10 minutes", azure, Scope::Side, 10, Reply::error(429, "TooManyRequests").retry_after(30)),
    ]);
    all
}

fn of_kubernetes() -> Vec<Disturbance> {
    let kubernetes = |call: Call| !call.is_azure() && call != Call::PublishEvent;
    let mut all = of_connections(kubernetes);
    all.extend([
        once(
            "effect 30 s after the connection broke",
            Call::writes_object,
            Fault::ArriveLate(30 * Duration::from_secs(1)),
        ),
        once("silence", Call::writes_object, Fault::Silence),
        once("409", Call::writes_object, Reply::error(409, "Conflict")),
        once("429", kubernetes, Reply::error(429, "TooManyRequests").retry_after(3)),
        once("500", kubernetes, Reply::error(500, "InternalError")),
        once("503", kubernetes, Reply::error(503, "ServiceUnavailable")),
        once("410", kubernetes, Reply::error(410, "Expired")),
        once("empty body", kubernetes, altered("empty body", empty)),
        once("truncated body", kubernetes, altered("truncated body", truncated)),
        once("body that is no JSON", kubernetes, altered("no JSON", not_json)),
        once("body of another type", kubernetes, altered("another type", of_wrong_type)),
        lasting("role taken away for 10 minutes", kubernetes, Scope::Side, 10, Reply::error(403, "Forbidden")),
        lasting("CRD taken away for 10 minutes", kubernetes, Scope::Side, 10, Reply::error(404, "NotFound")),
        lasting("401 for 10 minutes", kubernetes, Scope::Side, 10, Reply::error(401, "Unauthorized")),
    ]);
    all
}

#[test]
fn no_fault_of_azure_at_any_request_changes_the_end() {
    sweep("faults of Azure's answers", &common(), &Setup::default(), Share::OneIn(7), &of_azure());
}

#[test]
fn no_fault_of_the_api_server_at_any_request_changes_the_end() {
    sweep("faults of the API server's answers", &common(), &Setup::default(), Share::OneIn(5), &of_kubernetes());
}
