//! Operations that never end, vanish, or are reported as they are not.

use std::time::Duration;

use super::common;
use super::garbled::{
    altered, failed, still_running, succeeded, with_another_url, with_both_headers, with_foreign_host,
    with_relative_url, without_headers,
};
use crate::azure::VAULT;
use crate::scenario::Cost;
use crate::sweep::{Disturbance, Effect, Share, sweep};
use crate::wire::{Call, Fault, Reply, Scope, Spell};
use crate::world::Setup;
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);

/// What is in doubt is asked or sent once more.
const BOUND: Cost = Cost { accepted: 1, changes: 2, questions: 4, writes: 8 };

fn at(name: &'static str, befalls: fn(Call) -> bool, effect: Effect) -> Disturbance {
    Disturbance { name, effect, befalls, bound: BOUND }
}

/// From the first poll on, for so long.
fn polls(name: &'static str, minutes: u32, fault: Fault) -> Disturbance {
    let spell = Spell { scope: Scope::Alike, span: minutes * MINUTE };
    let bound = Cost { questions: 2 + minutes as usize * 2, ..BOUND };
    Disturbance { bound, ..at(name, |call| call == Call::Poll, Effect::Spell(fault, spell)) }
}

/// The request is said to be accepted, and nothing comes of it.
fn hollow() -> Fault {
    let path = format!("{VAULT}/operationStatus/nothing?api-version=2026-03-01");
    let reply = Reply { status: 202, ..Reply::ok(json!({})) };
    Fault::Answer(reply.with("azure-asyncoperation", &format!("https://management.azure.com{path}")))
}

fn disturbances() -> Vec<Disturbance> {
    let starts: fn(Call) -> bool = Call::writes_azure;
    let changes: fn(Call) -> bool = Call::writes_instance;
    let gone = || Fault::from(Reply::error(404, "OperationNotFound"));
    vec![
        polls("it never ends", 60, altered("still running", still_running)),
        polls("its report is gone", 60, gone()),
        polls("its report leads elsewhere", 60, altered("another URL", with_another_url)),
        polls("it is said to have succeeded while it runs", 10, altered("succeeded", succeeded)),
        polls("it is said to have failed, and has its effect", 3, altered("failed", failed)),
        at("its URL is on another host", starts, Effect::Once(altered("foreign host", with_foreign_host))),
        at("its URL is relative", starts, Effect::Once(altered("relative URL", with_relative_url))),
        at("it has two URLs", starts, Effect::Once(altered("both headers", with_both_headers))),
        at("it has no URL", starts, Effect::Once(altered("no headers", without_headers))),
        at("there is none, though it was accepted", changes, Effect::Once(hollow())),
        at(
            "there is none, and it is said to have succeeded",
            changes,
            Effect::Beside(hollow(), Call::Poll, altered("succeeded", succeeded)),
        ),
        Disturbance {
            bound: Cost { questions: 2 * 60, ..BOUND },
            ..at("its report is gone after a restart", starts, Effect::Beside(Fault::CrashAfter, Call::Poll, gone()))
        },
    ]
}

#[test]
fn no_report_of_an_operation_changes_the_end() {
    sweep("faults of operations", &common(), &Setup::default(), Share::OneIn(3), &disturbances());
}
