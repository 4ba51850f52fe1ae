//! What the plan makes of requests that were sent before.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::azure::DeletedInstance;
use crate::reconcile::testing::{desired, instance, object};

#[test]
fn without_a_backup_instance_it_validates_and_then_creates_exactly_once() {
    use OperationKind::{Create, Delete, Update, Validate};

    let object = object(json!({}));
    let desired = desired(&object);
    let wanted = wanted(&desired);
    let record = |kind, fate| sent(kind, fate, &desired);
    let none = None::<Sent>;
    for (expected, validated, recorded) in [
        ("validate", false, none.clone()),
        ("intend create", true, none),
        ("intend create", false, record(Validate, Fate::Accepted)),
        ("refused", false, record(Validate, Fate::Failed(error()))),
        ("validate", false, record(Validate, Fate::Over)),
        ("create", true, record(Create, Fate::Unsent)),
        ("refused", true, record(Create, Fate::Failed(error()))),
        ("wait for outcome", true, record(Create, Fate::Lost)),
        ("wait for outcome", true, record(Create, Fate::Accepted)),
        ("intend create", true, record(Create, Fate::Over)),
        // The specification has changed since.
        ("validate", false, other(record(Create, Fate::Unsent))),
        ("wait for outcome", false, doubted(other(record(Create, Fate::Unsent)))),
        ("validate", false, other(record(Create, Fate::Failed(error())))),
        ("wait for outcome", false, other(record(Create, Fate::Lost))),
        // The backup instance has vanished.
        ("wait for outcome", false, record(Update, Fate::Lost)),
        ("validate", false, record(Update, Fate::Over)),
        ("validate", false, record(Delete, Fate::Lost)),
    ] {
        let status = PostgresBackupStatus {
            validated_request: validated.then(|| wanted.hash.as_str().to_owned()),
            ..PostgresBackupStatus::default()
        };
        let case = format!("validated {validated}, {recorded:?}");
        let plan = live(&desired, &wanted, &status, &seen(None, recorded), VERSION);
        assert_eq!(word(&plan.step), expected, "{case}");
    }
}

#[test]
fn a_backup_instance_is_brought_to_the_specification_and_else_left_alone() {
    use OperationKind::{Create, Update};

    let object = object(json!({}));
    let desired = desired(&object);
    let record = |kind, fate| sent(kind, fate, &desired);
    let same = json!({});
    let old_policy = json!({ "policyInfo": { "policyId": wanted(&desired).request.policy.to_string().replace("weekly", "monthly") } });
    let untagged = json!({ "tags": {} });
    let foreign = json!({ "tags": { "pgbackup-owner": "other/shop/orders" } });
    let elsewhere = json!({ "dataSourceInfo": { "resourceID": "/subscriptions/a/resourceGroups/b/providers/Microsoft.DBforPostgreSQL/flexibleServers/other" } });
    for (expected, state, change, recorded) in [
        ("rest", "ProtectionConfigured", &same, None),
        ("rest", "ProtectionConfigured", &same, record(Create, Fate::Lost)),
        ("rest", "ProtectionConfigured", &same, record(Update, Fate::Lost)),
        ("wait for outcome", "ProtectionConfigured", &same, other(record(Update, Fate::Lost))),
        ("wait for outcome", "ProtectionConfigured", &same, other(record(Update, Fate::Accepted))),
        ("rest", "ProtectionConfigured", &same, other(record(Update, Fate::Over))),
        ("rest", "protectionconfigured", &same, None),
        ("wait", "ConfiguringProtection", &same, None),
        ("wait", "UpdatingProtection", &old_policy, record(Update, Fate::Accepted)),
        ("wait", "SoftDeleting", &same, None),
        ("unprotected", "ProtectionError", &same, None),
        ("intend resume", "ProtectionStopped", &same, None),
        ("intend resume", "BackupsSuspended", &same, None),
        ("unprotected", "SoftDeleted", &same, None),
        ("unprotected", "SomethingNew", &same, None),
        ("unprotected", "", &same, None),
        ("unprotected", "NotProtected", &same, None),
        ("unprotected", "ConfiguringProtectionFailed", &same, record(Create, Fate::Accepted)),
        ("validate change", "ProtectionConfigured", &old_policy, None),
        ("intend update", "ProtectionError", &old_policy, None),
        ("intend update", "ProtectionConfigured", &untagged, None),
        ("validate change", "ProtectionConfigured", &old_policy, record(Create, Fate::Accepted)),
        ("update", "ProtectionConfigured", &old_policy, record(Update, Fate::Unsent)),
        ("refused", "ProtectionConfigured", &old_policy, record(Update, Fate::Failed(error()))),
        ("validate change", "ProtectionConfigured", &old_policy, other(record(Update, Fate::Failed(error())))),
        ("wait for outcome", "ProtectionConfigured", &old_policy, record(Update, Fate::Lost)),
        ("intend update", "ProtectionConfigured", &old_policy, record(Update, Fate::Over)),
        ("wait for outcome", "ProtectionConfigured", &old_policy, record(Update, Fate::Accepted)),
        ("validate change", "ProtectionConfigured", &old_policy, other(record(Update, Fate::Accepted))),
        ("validate change", "ProtectionConfigured", &old_policy, other(record(Update, Fate::Unsent))),
        ("mismatch", "ProtectionConfigured", &elsewhere, None),
        ("mismatch", "NotProtected", &elsewhere, record(Update, Fate::Unsent)),
        ("owned", "ProtectionConfigured", &foreign, None),
        ("owned", "ProtectionError", &foreign, record(Update, Fate::Unsent)),
    ] {
        let case = format!("{state}, {change}, {recorded:?}");
        let observed = seen(Some(instance(&desired, state, change)), recorded);
        let plan = live(&desired, &wanted(&desired), &PostgresBackupStatus::default(), &observed, VERSION);
        assert_eq!(word(&plan.step), expected, "{case}");
    }
}

#[test]
fn what_azure_could_not_protect_is_told_first_and_tried_again_at_its_pace() {
    let desired = desired(&object(json!({})));
    let told = PostgresBackupStatus {
        issues: vec![crate::reconcile::explain::issue(IssueSource::Protection, &error())],
        ..PostgresBackupStatus::default()
    };
    let untold = PostgresBackupStatus::default();
    let tried = |fate| sent(OperationKind::Sync, fate, &desired);
    for (expected, state, status, sent) in [
        ("unprotected", "ProtectionError", &untold, None),
        ("sync", "ProtectionError", &told, None),
        ("unprotected", "ProtectionError", &told, tried(Fate::Accepted)),
        ("unprotected", "ProtectionError", &told, tried(Fate::Failed(error()))),
        ("rest", "ProtectionConfigured", &told, tried(Fate::Accepted)),
        ("unprotected", "NotProtected", &untold, None),
        ("intend update", "NotProtected", &told, None),
        ("intend update", "ConfiguringProtectionFailed", &told, None),
    ] {
        let observed = seen(Some(instance(&desired, state, &json!({}))), sent.clone());
        let plan = live(&desired, &wanted(&desired), status, &observed, VERSION);
        assert_eq!(word(&plan.step), expected, "{state}, {sent:?}");
    }
}

#[test]
fn a_soft_deleted_backup_instance_is_brought_back_exactly_once() {
    use OperationKind::{Create, Undelete};

    let desired = desired(&object(json!({})));
    let record = |kind, fate| sent(kind, fate, &desired);
    for (expected, recorded) in [
        ("intend undelete", None),
        ("intend undelete", record(Create, Fate::Over)),
        ("undelete", record(Undelete, Fate::Unsent)),
        ("wait for outcome", record(Undelete, Fate::Lost)),
        ("wait for outcome", record(Undelete, Fate::Accepted)),
        ("refused", record(Undelete, Fate::Failed(error()))),
        ("intend undelete", record(Undelete, Fate::Over)),
    ] {
        let deleted = DeletedInstance::parse(instance(&desired, "SoftDeleted", &json!({})).raw).unwrap();
        let found = Found::SoftDeleted { deleted: Box::new(deleted), claim: Claim::Ours, replacement: None };
        let observed = Observed::Seen { found, sent: recorded.clone() };
        let step = live(&desired, &wanted(&desired), &PostgresBackupStatus::default(), &observed, VERSION).step;
        assert_eq!(word(&step), expected, "{recorded:?}");
    }
}

#[test]
fn a_mode_that_changes_nothing_waits_for_what_was_sent_before_it_was_set() {
    use OperationKind::{Create, Stop, Update};

    for mode in ["Observe", "ValidateOnly"] {
        let desired = desired(&object(json!({ "mode": mode })));
        let record = |kind, fate| sent(kind, fate, &desired);
        let settled = if mode == "Observe" { "rest" } else { "nothing to validate" };
        for (expected, exists, recorded) in [
            ("wait for outcome", false, record(Create, Fate::Lost)),
            (settled, true, record(Create, Fate::Lost)),
            (settled, true, record(Update, Fate::Lost)),
            ("wait for outcome", true, other(record(Update, Fate::Lost))),
            ("wait for outcome", true, doubted(other(record(Update, Fate::Unsent)))),
            (settled, true, other(record(Update, Fate::Unsent))),
            (settled, true, other(record(Update, Fate::Over))),
            ("wait for outcome", true, record(Stop, Fate::Lost)),
            (settled, true, record(Stop, Fate::Over)),
        ] {
            let instance = exists.then(|| instance(&desired, "ProtectionConfigured", &json!({})));
            let observed = seen(instance, recorded.clone());
            let step = live(&desired, &wanted(&desired), &PostgresBackupStatus::default(), &observed, VERSION).step;
            assert_eq!(word(&step), expected, "{mode}, {recorded:?}");
        }
    }
}

#[test]
fn a_running_operation_is_only_polled() {
    let desired = desired(&object(json!({})));
    let poll_after = Duration::from_secs(15);
    for kind in [OperationKind::Validate, OperationKind::Create, OperationKind::Update, OperationKind::Delete] {
        let observed = Observed::Running { kind, poll_after };
        let status = PostgresBackupStatus::default();
        let plan = live(&desired, &wanted(&desired), &status, &observed, VERSION);
        assert_eq!(plan.step, Step::Wait(Waiting::Operation { kind, poll_after }));
        assert_eq!(delete(&desired, &observed), plan.step);
    }
}

#[test]
fn a_change_keeps_what_the_specification_does_not_own() {
    let desired = desired(&object(json!({ "policy": { "name": "monthly" } })));
    let before = self::desired(&object(json!({})));
    let mut current = instance(&before, "ProtectionConfigured", &json!({ "friendlyName": "named in the portal" }));
    current.raw["tags"]["team"] = json!("shop");
    let recorded = sent(OperationKind::Update, Fate::Unsent, &desired);
    let status = PostgresBackupStatus::default();
    let plan = live(&desired, &wanted(&desired), &status, &seen(Some(current), recorded), VERSION);
    let Step::Send(Request::Update(body), _) = plan.step else { panic!("{:?}", plan.step) };
    assert_eq!(body["tags"]["team"], "shop");
    assert_eq!(body["tags"]["pgbackup-owner"], "test/shop/orders");
    assert_eq!(body["properties"]["friendlyName"], "named in the portal");
    assert!(body["properties"]["policyInfo"]["policyId"].as_str().unwrap().ends_with("/monthly"));
    assert_eq!(body["properties"]["currentProtectionState"], Value::Null);
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Unsent),
        Just(Fate::Accepted),
        Just(Fate::Lost),
        Just(Fate::Failed(error())),
        Just(Fate::Over),
    ]
}

fn any_kind() -> impl Strategy<Value = OperationKind> {
    prop_oneof![
        Just(OperationKind::Validate),
        Just(OperationKind::Create),
        Just(OperationKind::Update),
        Just(OperationKind::Sync),
        Just(OperationKind::Delete),
    ]
}

proptest! {
    /// A request of unknown outcome may still land: while that is so, nothing of its kind is sent and nothing is let go
    /// that it could leave behind.
    #[test]
    fn nothing_is_repeated_or_orphaned_while_an_outcome_is_open(kind in any_kind(), same in any::<bool>()) {
        let desired = desired(&object(json!({})));
        let lost = sent(kind, Fate::Lost, &desired);
        let recorded = if same { lost } else { other(lost) };
        let status = PostgresBackupStatus::default();
        let step = live(&desired, &wanted(&desired), &status, &seen(None, recorded.clone()), VERSION).step;
        prop_assert!(!matches!(step, Step::Send(Request::Create(_) | Request::Update(_), _)));
        if matches!(kind, OperationKind::Create | OperationKind::Update) {
            let step = delete(&desired, &seen(None, recorded));
            prop_assert_eq!(word(&step), "wait for outcome");
        }
    }

    /// Nothing but a stored intention is ever sent, and only with the content that was stored.
    #[test]
    fn a_change_is_sent_only_as_it_was_stored(
        kind in any_kind(), fate in any_fate(),
        exists in any::<bool>(), drifted in any::<bool>(), same in any::<bool>(),
    ) {
        let desired = desired(&object(json!({})));
        let change = if drifted { json!({ "tags": {} }) } else { json!({}) };
        let instance = exists.then(|| instance(&desired, "ProtectionConfigured", &change));
        let stored = sent(kind, fate, &desired);
        let stored = if same { stored } else { other(stored) };
        let observed = seen(instance, stored.clone());
        let status = PostgresBackupStatus::default();
        for step in [
            live(&desired, &wanted(&desired), &status, &observed, VERSION).step,
            delete(&desired, &observed),
        ] {
            if let Step::Send(request, hash) = step
                && !matches!(request.kind(), OperationKind::Validate | OperationKind::Sync)
            {
                let stored = stored.as_ref().unwrap();
                prop_assert_eq!(request.kind(), stored.kind);
                prop_assert!(hash == stored.request || request.kind() == OperationKind::Delete);
            }
        }
    }
}
