//! An API server that is behind or forgets, and people who meddle with objects and their status.

use std::time::Duration;

use serde_json::{Value, json};

use super::{common, living};
use crate::api_server::ApiServer;
use crate::azure::VAULT;
use crate::samples;
use crate::scenario::Cost;
use crate::sweep::{Disturbance, Effect, Meddling, Share, sweep};
use crate::wire::Fault;
use crate::world::Setup;

/// What was seen is seen again, and what was said is said again; who is behind tries in vain at a growing pace.
const BOUND: Cost = Cost { accepted: 0, changes: 1, questions: 2, writes: 24 };

/// What somebody else writes is written over, and a change to and fro is made.
const MEDDLED: Cost = Cost { accepted: 2, changes: 3, questions: 4, writes: 12 };

/// How long what is behind stays behind.
const A_WHILE: Duration = Duration::from_secs(150);

fn meanwhile(name: &'static str, act: Meddling, bound: Cost) -> Disturbance {
    Disturbance { name, effect: Effect::Meanwhile(act), befalls: |_| true, bound }
}

/// Does something now, and something else after a while.
fn for_a_while(kubernetes: &ApiServer, now: fn(&ApiServer), then: fn(&ApiServer)) {
    now(kubernetes);
    let kubernetes = kubernetes.clone();
    tokio::spawn(async move {
        tokio::time::sleep(A_WHILE).await;
        then(&kubernetes);
    });
}

fn fall_behind(kubernetes: &ApiServer) {
    for_a_while(kubernetes, ApiServer::fall_behind, ApiServer::catch_up);
}

/// Does something to the object, if it is there and stays.
fn to_orders(kubernetes: &ApiServer, act: impl FnOnce(&ApiServer)) {
    if kubernetes.get("orders").is_some_and(|object| object.metadata.deletion_timestamp.is_none()) {
        act(kubernetes);
    }
}

fn tamper(kubernetes: &ApiServer, change: fn(&mut Value)) {
    to_orders(kubernetes, |kubernetes| kubernetes.tamper("orders", change));
}

fn of_the_api_server() -> Vec<Disturbance> {
    let behind_and_dead = |name, later| Disturbance {
        name,
        effect: Effect::MeanwhileAnd(|kubernetes, _| fall_behind(kubernetes), Fault::CrashAfter, later),
        befalls: |_| true,
        bound: BOUND,
    };
    vec![
        meanwhile("watches end", |kubernetes, _| kubernetes.end_watches(), BOUND),
        meanwhile("watches expire", |kubernetes, _| kubernetes.expire_watches(), BOUND),
        meanwhile(
            "changes are told again, the oldest first",
            |kubernetes, _| kubernetes.repeat_changes("orders"),
            BOUND,
        ),
        meanwhile("lists and watches fall behind", |kubernetes, _| fall_behind(kubernetes), BOUND),
        meanwhile(
            "watches are held",
            |kubernetes, _| {
                for_a_while(
                    kubernetes,
                    |kubernetes| kubernetes.hold_watches(true),
                    |kubernetes| {
                        kubernetes.hold_watches(false);
                    },
                )
            },
            BOUND,
        ),
        behind_and_dead("lists fall behind, and the operator dies 2 requests later", 2),
        behind_and_dead("lists fall behind, and the operator dies 5 requests later", 5),
    ]
}

fn of_people() -> Vec<Disturbance> {
    vec![
        meanwhile(
            "the finalizer is taken off by hand",
            |kubernetes, _| to_orders(kubernetes, |kubernetes| kubernetes.strip("orders")),
            MEDDLED,
        ),
        meanwhile(
            "the object is replaced by another one of its name",
            |kubernetes, _| {
                to_orders(kubernetes, |kubernetes| {
                    let spec = kubernetes.get("orders").unwrap().spec;
                    kubernetes.strip("orders");
                    kubernetes.delete("orders");
                    let mut object = samples::flexible("orders");
                    object.spec = spec;
                    kubernetes.create(&object);
                });
            },
            MEDDLED,
        ),
        meanwhile("the policy is changed to and fro", |kubernetes, _| to_orders(kubernetes, to_and_fro), MEDDLED),
        meanwhile(
            "the policy is changed to and fro unseen",
            |kubernetes, _| {
                to_orders(kubernetes, to_and_fro);
                kubernetes.expire_watches();
            },
            MEDDLED,
        ),
        meanwhile(
            "the status is emptied",
            |kubernetes, _| {
                tamper(kubernetes, |status| {
                    *status = json!({ "observedGeneration": -1 });
                })
            },
            MEDDLED,
        ),
        meanwhile("the status says Ready", |kubernetes, _| tamper(kubernetes, say_ready), MEDDLED),
        meanwhile(
            "the status has a validation that never was",
            |kubernetes, _| {
                tamper(kubernetes, |status| {
                    status["validatedRequest"] = json!("0000");
                })
            },
            MEDDLED,
        ),
        meanwhile(
            "the status has an operation of another vault",
            |kubernetes, _| {
                tamper(kubernetes, |status| {
                    operate(status, &format!("{}-of-another/operationStatus/7", VAULT));
                })
            },
            MEDDLED,
        ),
        meanwhile(
            "the status has an operation of another subscription",
            |kubernetes, _| {
                tamper(kubernetes, |status| {
                    operate(
                        status,
                        "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.DataProtection/locations/westeurope/operationStatus/7",
                    );
                })
            },
            MEDDLED,
        ),
        meanwhile(
            "the status has an operation on another host",
            |kubernetes, _| {
                tamper(kubernetes, |status| {
                    operate(
                        status,
                        "@example.net/subscriptions/b7d6a1c4-52f8-4f4b-9b0e-6f1d2c3a4e50/providers/Microsoft.DataProtection/operationStatus/7",
                    );
                })
            },
            MEDDLED,
        ),
    ]
}

fn to_and_fro(kubernetes: &ApiServer) {
    let before = kubernetes.get("orders").unwrap().spec.policy.name;
    kubernetes.edit("orders", |spec| spec.policy.name = "monthly".to_owned());
    kubernetes.edit("orders", |spec| spec.policy.name = before);
}

/// Enters an operation that was never started.
fn operate(status: &mut Value, path: &str) {
    status["operation"] = json!({
        "kind": "Delete", "requestHash": "0000", "startedAt": "2026-11-02T08:00:00Z", "path": path, "pollAfterSeconds": 1,
    });
}

fn say_ready(status: &mut Value) {
    for condition in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        if condition["type"] == "Ready" {
            condition["status"] = json!("True");
        }
    }
}

#[test]
fn an_api_server_that_is_behind_or_forgets_changes_no_end() {
    sweep("an API server behind", &common(), &Setup::default(), Share::OneIn(3), &of_the_api_server());
}

#[test]
fn people_who_meddle_with_objects_and_status_change_no_end() {
    sweep("meddling with objects", &living(), &Setup::default(), Share::OneIn(3), &of_people());
}
