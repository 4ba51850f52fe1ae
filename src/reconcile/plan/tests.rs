#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::azure::ServiceError;
use crate::reconcile::testing::{VERSION, desired, instance, now, object, wanted};

/// A request recorded `seconds` before now, with the content that is wanted now or with another.
fn recorded(kind: OperationKind, fate: Fate, seconds: i64, desired: &Desired) -> Option<Recorded> {
    let request = match kind {
        OperationKind::Delete => RequestHash::of_text(&desired.target.instance.to_string()),
        _ => wanted(desired).hash,
    };
    Some(Recorded { kind, request, started_at: now() - SignedDuration::from_secs(seconds), fate })
}

fn other(recorded: Option<Recorded>) -> Option<Recorded> {
    recorded.map(|recorded| Recorded { request: RequestHash::of_text("another request"), ..recorded })
}

fn error() -> ServiceError {
    ServiceError { code: "UserErrorMissingRequiredPermissions".to_owned(), ..ServiceError::default() }
}

fn seen(instance: Option<Instance>, recorded: Option<Recorded>) -> Observed {
    Observed::Seen { instance: instance.map(Box::new), recorded }
}

/// The step in one word, for tables.
fn word(step: &Step) -> &'static str {
    match step {
        Step::Send(Request::Validate(_), _) => "validate",
        Step::Send(Request::Create(_), _) => "create",
        Step::Send(Request::Update(_), _) => "update",
        Step::Send(Request::Delete, _) => "delete",
        Step::Intend(Mutation::Create, _) => "intend create",
        Step::Intend(Mutation::Update, _) => "intend update",
        Step::Intend(Mutation::Delete, _) => "intend delete",
        Step::Wait(Waiting::Operation { .. }) => "poll",
        Step::Wait(Waiting::Transition(_)) => "wait",
        Step::Wait(Waiting::Outcome(_)) => "wait for outcome",
        Step::Rest => "rest",
        Step::Blocked(Blocker::Refused(..)) => "refused",
        Step::Blocked(Blocker::Unprotected(..)) => "unprotected",
        Step::Blocked(Blocker::DatasourceMismatch(_)) => "mismatch",
        Step::Blocked(Blocker::OwnedByAnother(_)) => "owned",
        Step::Release(Release::Deleted) => "release deleted",
        Step::Release(Release::NothingToDelete) => "release nothing",
        Step::Release(Release::NotOurs) => "release not ours",
        Step::Release(Release::Retained) => "release retained",
    }
}

const YOUNG: i64 = 30;
const OLD: i64 = 301;

#[test]
fn without_a_backup_instance_it_validates_and_then_creates_exactly_once() {
    use OperationKind::{Create, Delete, Update, Validate};

    let object = object(json!({}));
    let desired = desired(&object);
    let wanted = wanted(&desired);
    let record = |kind, fate, age| recorded(kind, fate, age, &desired);
    let none = None::<Recorded>;
    for (expected, validated, recorded) in [
        ("validate", false, none.clone()),
        ("intend create", true, none),
        ("intend create", false, record(Validate, Fate::Succeeded, YOUNG)),
        ("refused", false, record(Validate, Fate::Failed(error()), YOUNG)),
        ("validate", false, record(Validate, Fate::Unknown, YOUNG)),
        ("create", true, record(Create, Fate::Unsent, YOUNG)),
        ("create", true, record(Create, Fate::Unsent, OLD)),
        ("create", true, record(Create, Fate::Answered, YOUNG)),
        ("refused", true, record(Create, Fate::Failed(error()), YOUNG)),
        ("wait for outcome", true, record(Create, Fate::Unknown, YOUNG)),
        ("intend create", true, record(Create, Fate::Unknown, OLD)),
        ("wait for outcome", true, record(Create, Fate::Succeeded, YOUNG)),
        ("intend create", true, record(Create, Fate::Succeeded, OLD)),
        // The specification has changed since.
        ("validate", false, other(record(Create, Fate::Unsent, YOUNG))),
        ("wait for outcome", false, other(record(Create, Fate::Unknown, YOUNG))),
        ("wait for outcome", false, other(record(Create, Fate::Answered, YOUNG))),
        // The backup instance has vanished.
        ("validate", false, record(Update, Fate::Unknown, YOUNG)),
        ("validate", false, record(Delete, Fate::Unknown, YOUNG)),
    ] {
        let status = PostgresBackupStatus {
            validated_request: validated.then(|| wanted.hash.as_str().to_owned()),
            ..PostgresBackupStatus::default()
        };
        let case = format!("validated {validated}, {recorded:?}");
        let plan = live(&desired, &wanted, &status, &seen(None, recorded), VERSION, now());
        assert_eq!(word(&plan.step), expected, "{case}");
    }
}

#[test]
fn a_backup_instance_is_brought_to_the_specification_and_else_left_alone() {
    use OperationKind::{Create, Update};

    let object = object(json!({}));
    let desired = desired(&object);
    let record = |kind, fate, age| recorded(kind, fate, age, &desired);
    let same = json!({});
    let old_policy = json!({ "policyInfo": { "policyId": wanted(&desired).request.policy.to_string().replace("weekly", "monthly") } });
    let untagged = json!({ "tags": {} });
    let foreign = json!({ "tags": { "pgbackup-owner": "other/shop/orders" } });
    let elsewhere = json!({ "dataSourceInfo": { "resourceID": "/subscriptions/a/resourceGroups/b/providers/Microsoft.DBforPostgreSQL/flexibleServers/other" } });
    for (expected, state, change, recorded) in [
        ("rest", "ProtectionConfigured", &same, None),
        ("rest", "ProtectionConfigured", &same, record(Create, Fate::Unknown, YOUNG)),
        ("rest", "protectionconfigured", &same, None),
        ("wait", "ConfiguringProtection", &same, None),
        ("wait", "UpdatingProtection", &old_policy, record(Update, Fate::Succeeded, YOUNG)),
        ("wait", "SoftDeleting", &same, None),
        ("unprotected", "ProtectionError", &same, None),
        ("unprotected", "ProtectionStopped", &same, None),
        ("unprotected", "BackupsSuspended", &same, None),
        ("unprotected", "SoftDeleted", &same, None),
        ("unprotected", "SomethingNew", &same, None),
        ("unprotected", "", &same, None),
        ("intend update", "NotProtected", &same, None),
        ("unprotected", "ConfiguringProtectionFailed", &same, record(Create, Fate::Succeeded, YOUNG)),
        ("intend update", "ConfiguringProtectionFailed", &same, None),
        ("intend update", "ProtectionConfigured", &old_policy, None),
        ("intend update", "ProtectionError", &old_policy, None),
        ("intend update", "ProtectionConfigured", &untagged, None),
        ("intend update", "ProtectionConfigured", &old_policy, record(Create, Fate::Succeeded, YOUNG)),
        ("update", "ProtectionConfigured", &old_policy, record(Update, Fate::Unsent, YOUNG)),
        ("update", "ProtectionConfigured", &old_policy, record(Update, Fate::Answered, YOUNG)),
        ("refused", "ProtectionConfigured", &old_policy, record(Update, Fate::Failed(error()), YOUNG)),
        ("wait for outcome", "ProtectionConfigured", &old_policy, record(Update, Fate::Unknown, YOUNG)),
        ("intend update", "ProtectionConfigured", &old_policy, record(Update, Fate::Unknown, OLD)),
        ("wait for outcome", "ProtectionConfigured", &old_policy, record(Update, Fate::Succeeded, YOUNG)),
        ("intend update", "ProtectionConfigured", &old_policy, other(record(Update, Fate::Succeeded, YOUNG))),
        ("intend update", "ProtectionConfigured", &old_policy, other(record(Update, Fate::Unsent, YOUNG))),
        ("mismatch", "ProtectionConfigured", &elsewhere, None),
        ("mismatch", "NotProtected", &elsewhere, record(Update, Fate::Unsent, YOUNG)),
        ("owned", "ProtectionConfigured", &foreign, None),
        ("owned", "ProtectionError", &foreign, record(Update, Fate::Unsent, YOUNG)),
    ] {
        let case = format!("{state}, {change}, {recorded:?}");
        let observed = seen(Some(instance(&desired, state, change)), recorded);
        let plan = live(&desired, &wanted(&desired), &PostgresBackupStatus::default(), &observed, VERSION, now());
        assert_eq!(word(&plan.step), expected, "{case}");
    }
}

#[test]
fn a_deleted_object_is_let_go_only_when_nothing_can_become_an_orphan() {
    use OperationKind::{Create, Delete, Update, Validate};

    let object = object(json!({}));
    let desired = desired(&object);
    let record = |kind, fate, age| recorded(kind, fate, age, &desired);
    let ours = |state: &str| Some(instance(&desired, state, &json!({})));
    let foreign =
        || Some(instance(&desired, "ProtectionConfigured", &json!({ "tags": { "pgbackup-owner": "x/y/z" } })));
    let elsewhere = json!({ "dataSourceInfo": { "resourceID": "/subscriptions/a/resourceGroups/b/providers/Microsoft.DBforPostgreSQL/flexibleServers/other" } });
    for (expected, instance, recorded) in [
        ("release nothing", None, None),
        ("release nothing", None, record(Validate, Fate::Unknown, YOUNG)),
        ("release nothing", None, record(Create, Fate::Unsent, YOUNG)),
        ("wait for outcome", None, record(Create, Fate::Unknown, YOUNG)),
        ("wait for outcome", None, record(Create, Fate::Answered, YOUNG)),
        ("wait for outcome", None, record(Create, Fate::Succeeded, YOUNG)),
        ("wait for outcome", None, record(Update, Fate::Unknown, YOUNG)),
        ("release nothing", None, record(Create, Fate::Unknown, OLD)),
        ("release deleted", None, record(Delete, Fate::Unknown, YOUNG)),
        ("release deleted", None, record(Delete, Fate::Succeeded, OLD)),
        ("intend delete", ours("ProtectionConfigured"), None),
        ("intend delete", ours("ConfiguringProtection"), record(Create, Fate::Succeeded, YOUNG)),
        ("intend delete", ours("ProtectionStopped"), None),
        ("intend delete", ours("SomethingNew"), None),
        ("wait for outcome", ours("UpdatingProtection"), record(Update, Fate::Unknown, YOUNG)),
        ("intend delete", ours("ProtectionConfigured"), record(Update, Fate::Unknown, OLD)),
        ("delete", ours("ProtectionConfigured"), record(Delete, Fate::Unsent, YOUNG)),
        ("delete", ours("ProtectionConfigured"), record(Delete, Fate::Answered, YOUNG)),
        ("wait for outcome", ours("ProtectionConfigured"), record(Delete, Fate::Unknown, YOUNG)),
        ("intend delete", ours("ProtectionConfigured"), record(Delete, Fate::Unknown, OLD)),
        ("refused", ours("ProtectionConfigured"), record(Delete, Fate::Failed(error()), YOUNG)),
        ("wait", ours("SoftDeleting"), record(Delete, Fate::Unknown, OLD)),
        ("release not ours", foreign(), None),
        ("release not ours", Some(self::instance(&desired, "ProtectionConfigured", &elsewhere)), None),
    ] {
        let case = format!("{:?}, {recorded:?}", instance.as_ref().map(|instance| &instance.protection_state));
        let step = deleting(&desired.target, &seen(instance, recorded), VERSION, now());
        assert_eq!(word(&step), expected, "{case}");
    }
}

#[test]
fn a_running_operation_is_only_polled() {
    let desired = desired(&object(json!({})));
    let poll_after = Duration::from_secs(15);
    for kind in [OperationKind::Validate, OperationKind::Create, OperationKind::Update, OperationKind::Delete] {
        let observed = Observed::Running { kind, poll_after };
        let status = PostgresBackupStatus::default();
        let plan = live(&desired, &wanted(&desired), &status, &observed, VERSION, now());
        assert_eq!(plan.step, Step::Wait(Waiting::Operation { kind, poll_after }));
        assert_eq!(deleting(&desired.target, &observed, VERSION, now()), plan.step);
    }
}

#[test]
fn a_change_keeps_what_the_specification_does_not_own() {
    let desired = desired(&object(json!({ "policy": { "name": "monthly" } })));
    let before = self::desired(&object(json!({})));
    let mut current = instance(&before, "ProtectionConfigured", &json!({ "friendlyName": "named in the portal" }));
    current.raw["tags"]["team"] = json!("shop");
    let recorded = recorded(OperationKind::Update, Fate::Unsent, YOUNG, &desired);
    let status = PostgresBackupStatus::default();
    let plan = live(&desired, &wanted(&desired), &status, &seen(Some(current), recorded), VERSION, now());
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
        Just(Fate::Answered),
        Just(Fate::Unknown),
        Just(Fate::Succeeded),
        Just(Fate::Failed(error())),
    ]
}

fn any_kind() -> impl Strategy<Value = OperationKind> {
    prop_oneof![
        Just(OperationKind::Validate),
        Just(OperationKind::Create),
        Just(OperationKind::Update),
        Just(OperationKind::Delete),
    ]
}

proptest! {
    /// A request of unknown outcome may still land: while that is so, nothing of its kind is sent and nothing is let go
    /// that it could leave behind.
    #[test]
    fn nothing_is_repeated_or_orphaned_while_an_outcome_is_open(kind in any_kind(), age in 0_i64..300) {
        let desired = desired(&object(json!({})));
        let recorded = recorded(kind, Fate::Unknown, age, &desired);
        let status = PostgresBackupStatus::default();
        let step = live(&desired, &wanted(&desired), &status, &seen(None, recorded.clone()), VERSION, now()).step;
        prop_assert!(!matches!(step, Step::Send(Request::Create(_) | Request::Update(_), _)));
        if kind != OperationKind::Validate && kind != OperationKind::Delete {
            let step = deleting(&desired.target, &seen(None, recorded), VERSION, now());
            prop_assert_eq!(word(&step), "wait for outcome");
        }
    }

    /// Nothing but a stored intention is ever sent, and only with the content that was stored.
    #[test]
    fn a_change_is_sent_only_as_it_was_stored(
        kind in any_kind(), fate in any_fate(), age in 0_i64..600,
        exists in any::<bool>(), drifted in any::<bool>(), same in any::<bool>(),
    ) {
        let desired = desired(&object(json!({})));
        let change = if drifted { json!({ "tags": {} }) } else { json!({}) };
        let instance = exists.then(|| instance(&desired, "ProtectionConfigured", &change));
        let stored = recorded(kind, fate, age, &desired);
        let stored = if same { stored } else { other(stored) };
        let observed = seen(instance, stored.clone());
        let status = PostgresBackupStatus::default();
        for step in [
            live(&desired, &wanted(&desired), &status, &observed, VERSION, now()).step,
            deleting(&desired.target, &observed, VERSION, now()),
        ] {
            if let Step::Send(request, hash) = step && request.kind() != OperationKind::Validate {
                let stored = stored.as_ref().unwrap();
                prop_assert_eq!(request.kind(), stored.kind);
                prop_assert!(hash == stored.request || request.kind() == OperationKind::Delete);
            }
        }
    }
}
