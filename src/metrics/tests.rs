#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DeserializeGuard;
use kube::runtime::reflector;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::definition::{ALL, Definition};
use super::*;
use crate::api::PostgresBackup;

const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

fn object(name: &str, mode: &str, status: &Value) -> Stored {
    let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers");
    let object = json!({
        "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup",
        "metadata": { "namespace": "shop", "name": name, "creationTimestamp": "2026-11-23T12:00:00Z" },
        "spec": {
            "database": { "resourceId": format!("{id}/Microsoft.DBforPostgreSQL/flexibleServers/{name}") },
            "vault": { "resourceId": format!("{id}/Microsoft.DataProtection/backupVaults/vault") },
            "policy": { "name": "weekly" }, "mode": mode,
        },
        "status": status,
    });
    DeserializeGuard(Ok(serde_json::from_value::<PostgresBackup>(object).unwrap()))
}

fn condition(type_: &str, status: &str, reason: &str, time: &str) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": "", "observedGeneration": 1,
        "lastTransitionTime": format!("2026-11-23T{time}:00Z"),
    })
}

/// An object in each of the situations that are told apart.
fn objects() -> Vec<Stored> {
    let ready = [condition("Ready", "True", "Protected", "12:00")];
    let stalled =
        [condition("Ready", "False", "DriftDetected", "13:00"), condition("Stalled", "True", "DriftDetected", "13:00")];
    let creating = |time: &str| {
        [condition("Ready", "False", "Creating", "12:30"), condition("Reconciling", "True", time, "12:30")]
    };
    let operation =
        |time: &str| json!({ "kind": "Create", "requestHash": "x", "startedAt": format!("2026-11-23T{time}:00Z") });
    let instance = |state: &str| json!({ "name": "x", "resourceId": "y", "protectionState": state });
    let drift = [json!({ "field": "policy.name", "desired": "a", "actual": "b" })];
    vec![
        object("ready", "Enforce", &json!({ "conditions": ready, "backupInstance": instance("protectionconfigured") })),
        object("invented", "Enforce", &json!({ "conditions": ready, "backupInstance": instance("Invented") })),
        object(
            "stalled",
            "Observe",
            &json!({ "conditions": stalled, "drift": drift, "backupInstance": instance("ProtectionConfigured") }),
        ),
        object("creating", "Enforce", &json!({ "conditions": creating("Creating"), "operation": operation("12:31") })),
        object(
            "creating-2",
            "Enforce",
            &json!({ "conditions": creating("Nonsense"), "operation": operation("12:29") }),
        ),
        object("new", "ValidateOnly", &Value::Null),
        serde_json::from_value(json!({
            "apiVersion": "pgbackup.dev/v1alpha1", "kind": "PostgresBackup", "metadata": { "name": "odd" }, "spec": 7
        }))
        .unwrap(),
    ]
}

/// Metrics that have seen something of everything.
fn exercised() -> Arc<Metrics> {
    let metrics = Metrics::new(16);
    let (store, mut writer) = reflector::store();
    objects().into_iter().for_each(|object| writer.apply_watcher_event(&Event::Apply(object)));
    metrics.watch(store);
    drop(metrics.begin_pass());
    metrics.end_pass(PassResult::Panic);
    let subscription: SubscriptionId = SUBSCRIPTION.parse().unwrap();
    for status in [Some(200), Some(429), Some(503), None] {
        metrics.finished(Operation::GetVault, &subscription, status, Duration::from_millis(20));
    }
    metrics.remaining(Operation::GetVault, &subscription, RateLimit::SubscriptionReads, 249);
    metrics.no_token(IdentityKind::Operator);
    metrics.deletions_held(2);
    metrics.deleted("vault", Some("2026-11-23T12:00:00Z".parse().unwrap()));
    metrics.drift_found(OperationKind::Update);
    metrics.drift_corrected(OperationKind::Update);
    metrics.leadership("postgres-backup-operator", Leadership::Leading);
    metrics
}

/// The samples of a metric, as written.
fn samples<'a>(text: &'a str, definition: &Definition) -> Vec<&'a str> {
    let names: Vec<String> = definition.samples().collect();
    let of = |line: &&str| line.split(['{', ' ']).next().is_some_and(|name| names.iter().any(|known| known == name));
    text.lines().filter(of).collect()
}

#[test]
fn what_is_exported_is_what_is_defined() {
    let text = exercised().encode().unwrap();
    let words = |prefix: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(prefix)?.split_once(' '));
        lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let defined = |of: fn(&Definition) -> &str| -> BTreeMap<String, String> {
        ALL.iter().map(|definition| (definition.name.to_owned(), of(definition).to_owned())).collect()
    };
    assert_eq!(words("# TYPE "), defined(|definition| definition.kind.as_str()));
    assert_eq!(words("# HELP "), defined(|definition| definition.help));
    for definition in ALL {
        for sample in samples(&text, definition) {
            let labels = sample.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
            let names =
                labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)).filter(|name| *name != "le");
            assert_eq!(names.collect::<Vec<_>>(), definition.labels, "{sample}");
        }
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn objects_are_counted_by_what_they_are() {
    let text = exercised().encode().unwrap();
    let count =
        |definition: Definition| samples(&text, &definition).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    let expected =
        |name: &str, samples: &[&str]| samples.iter().map(|sample| format!("{name}{sample}")).collect::<BTreeSet<_>>();
    let cases: [(Definition, &[&str]); 7] = [
        (definition::OBJECTS, &["{mode=\"Enforce\"} 4", "{mode=\"Observe\"} 1", "{mode=\"ValidateOnly\"} 1"]),
        (
            definition::PROTECTION_STATES,
            &["{state=\"None\"} 3", "{state=\"Other\"} 1", "{state=\"ProtectionConfigured\"} 2"],
        ),
        (
            definition::CONDITIONS,
            &[
                "{type=\"Ready\",status=\"True\",reason=\"Protected\"} 2",
                "{type=\"Ready\",status=\"False\",reason=\"DriftDetected\"} 1",
                "{type=\"Ready\",status=\"False\",reason=\"Creating\"} 2",
                "{type=\"Stalled\",status=\"True\",reason=\"DriftDetected\"} 1",
                "{type=\"Reconciling\",status=\"True\",reason=\"Creating\"} 1",
                "{type=\"Reconciling\",status=\"True\",reason=\"Other\"} 1",
            ],
        ),
        (definition::OPERATIONS, &["{operation=\"Create\"} 2"]),
        (definition::OLDEST_OPERATION, &["{operation=\"Create\"} 1795436940"]),
        (definition::DRIFTED, &[" 1"]),
        (definition::UNREADABLE, &[" 1"]),
    ];
    for (definition, samples) in cases {
        assert_eq!(count(definition), expected(definition.name, samples));
    }
}

#[test]
fn objects_that_are_not_ready_are_named_with_the_time_since_when() {
    let text = exercised().encode().unwrap();
    let named = samples(&text, &definition::NOT_READY_SINCE);
    let expected = [
        ("new", "Reconciling", "Pending", "12:00"),
        ("creating", "Reconciling", "Creating", "12:30"),
        ("creating-2", "Reconciling", "Creating", "12:30"),
        ("stalled", "Stalled", "DriftDetected", "13:00"),
    ];
    let expected = expected.map(|(name, condition, reason, time)| {
        let since = format!("2026-11-23T{time}:00Z").parse::<Timestamp>().unwrap().as_second();
        let labels = format!(
            "resource_namespace=\"shop\",resource_name=\"{name}\",condition=\"{condition}\",reason=\"{reason}\""
        );
        format!("{}{{{labels}}} {since}", definition::NOT_READY_SINCE.name)
    });
    assert_eq!(named, expected);
}

#[test]
fn a_pass_that_fails_is_an_error_whatever_the_cause() {
    let metrics = Metrics::new(4);
    for result in
        [PassResult::Success, PassResult::RequeueAfter, PassResult::Error, PassResult::Timeout, PassResult::Panic]
    {
        metrics.end_pass(result);
    }
    let text = metrics.encode().unwrap();
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned);
    let result = |result: &str| {
        value(&format!("controller_runtime_reconcile_total{{controller=\"postgresbackup\",result=\"{result}\"}}"))
    };
    let plain = |name: &str| value(&format!("controller_runtime_{name}{{controller=\"postgresbackup\"}}"));
    let values = [
        result("success"),
        result("requeue_after"),
        result("error"),
        plain("reconcile_errors_total"),
        plain("reconcile_timeouts_total"),
        plain("reconcile_panics_total"),
        plain("max_concurrent_reconciles"),
    ];
    assert_eq!(values.map(Option::unwrap), ["1", "1", "3", "3", "1", "1", "4"]);
}

#[test]
fn only_an_answer_that_shows_azure_at_work_is_a_contact() {
    for (status, is_contact) in [
        (Some(200), true),
        (Some(404), true),
        (Some(403), true),
        (Some(401), false),
        (Some(429), false),
        (Some(503), false),
        (None, false),
    ] {
        let metrics = Metrics::new(1);
        metrics.finished(Operation::GetVault, &SUBSCRIPTION.parse().unwrap(), status, Duration::ZERO);
        let text = metrics.encode().unwrap();
        let never = text.contains("azure_last_contact_timestamp_seconds 0\n");
        assert_eq!(never, !is_contact, "{status:?}");
    }
}
