//! What the plan makes of a deleted object, by the request that was sent before.

use serde_json::json;

use super::*;
use crate::reconcile::testing::{desired, instance, object};

#[test]
fn a_deleted_object_is_let_go_only_when_nothing_can_become_an_orphan() {
    use OperationKind::{Create, Delete, Undelete, Update, Validate};

    let object = object(json!({}));
    let desired = desired(&object);
    let record = |kind, fate| sent(kind, fate, &desired);
    let ours = |state: &str| Some(instance(&desired, state, &json!({})));
    let foreign =
        || Some(instance(&desired, "ProtectionConfigured", &json!({ "tags": { "pgbackup-owner": "x/y/z" } })));
    let untagged = || Some(instance(&desired, "ProtectionConfigured", &json!({ "tags": {} })));
    let elsewhere = json!({ "dataSourceInfo": { "resourceID": "/subscriptions/a/resourceGroups/b/providers/Microsoft.DBforPostgreSQL/flexibleServers/other" } });
    for (expected, instance, recorded) in [
        ("release nothing", None, None),
        ("release nothing", None, record(Validate, Fate::Over)),
        ("release nothing", None, record(Create, Fate::Unsent)),
        ("wait for outcome", None, record(Create, Fate::Lost)),
        ("wait for outcome", None, doubted(record(Create, Fate::Unsent))),
        ("wait for outcome", None, record(Create, Fate::Accepted)),
        ("wait for outcome", None, record(Update, Fate::Lost)),
        ("release nothing", None, record(Create, Fate::Over)),
        ("release deleted", None, record(Delete, Fate::Lost)),
        ("release deleted", None, record(Delete, Fate::Over)),
        ("intend delete", ours("ProtectionConfigured"), None),
        ("intend delete", ours("ConfiguringProtection"), record(Create, Fate::Accepted)),
        ("intend delete", ours("ProtectionStopped"), None),
        ("intend delete", ours("SomethingNew"), None),
        ("wait for outcome", ours("UpdatingProtection"), record(Update, Fate::Lost)),
        ("intend delete", ours("ProtectionConfigured"), record(Update, Fate::Over)),
        ("delete", ours("ProtectionConfigured"), record(Delete, Fate::Unsent)),
        ("wait for outcome", ours("ProtectionConfigured"), record(Delete, Fate::Lost)),
        ("intend delete", ours("ProtectionConfigured"), record(Delete, Fate::Over)),
        ("refused", ours("ProtectionConfigured"), record(Delete, Fate::Failed(error()))),
        ("wait", ours("SoftDeleting"), record(Delete, Fate::Over)),
        ("release not ours", foreign(), None),
        ("release not ours", untagged(), None),
        ("release not ours", untagged(), record(Create, Fate::Unsent)),
        // What was to adopt it may still land.
        ("wait for outcome", untagged(), record(Update, Fate::Lost)),
        ("wait for outcome", untagged(), record(Update, Fate::Accepted)),
        ("wait for outcome", foreign(), record(Undelete, Fate::Lost)),
        ("release not ours", untagged(), record(Update, Fate::Over)),
        // It is deleted already: a second time could only cost what can be brought back.
        ("release nothing", ours("SoftDeleted"), None),
        ("release deleted", ours("SoftDeleted"), record(Delete, Fate::Accepted)),
        ("wait for outcome", ours("SoftDeleted"), record(Undelete, Fate::Lost)),
        ("release not ours", Some(self::instance(&desired, "ProtectionConfigured", &elsewhere)), None),
    ] {
        let case = format!("{:?}, {recorded:?}", instance.as_ref().map(|instance| &instance.protection_state));
        let step = delete(&desired, &seen(instance, recorded));
        assert_eq!(word(&step), expected, "{case}");
    }
}

#[test]
fn a_deleted_object_whose_backups_are_to_stop_is_let_go_only_when_none_can_start_again() {
    use OperationKind::{Resume, Stop, Suspend, Undelete, Update};

    let desired = desired(&object(json!({ "deletionPolicy": "StopProtection" })));
    let record = |kind, fate| sent(kind, fate, &desired);
    for (expected, state, recorded) in [
        ("release stopped", "ProtectionStopped", None),
        ("release stopped", "ProtectionStopped", record(Stop, Fate::Accepted)),
        ("wait for outcome", "ProtectionStopped", record(Resume, Fate::Lost)),
        ("wait for outcome", "ProtectionStopped", doubted(record(Resume, Fate::Unsent))),
        ("release stopped", "ProtectionStopped", record(Resume, Fate::Unsent)),
        ("release stopped", "ProtectionStopped", record(Resume, Fate::Over)),
        // That it is there shows that it was brought back.
        ("release stopped", "ProtectionStopped", record(Undelete, Fate::Accepted)),
        ("wait for outcome", "NotProtected", record(Update, Fate::Lost)),
        ("wait for outcome", "ConfiguringProtectionFailed", record(Update, Fate::Accepted)),
        ("release nothing to stop", "ConfiguringProtectionFailed", record(Update, Fate::Over)),
        ("stop", "ProtectionConfigured", record(Stop, Fate::Unsent)),
        ("wait for outcome", "ProtectionConfigured", record(Stop, Fate::Lost)),
        ("intend stop", "ProtectionConfigured", record(Stop, Fate::Over)),
        ("refused", "ProtectionConfigured", record(Stop, Fate::Failed(error()))),
        ("wait for outcome", "ProtectionConfigured", record(Suspend, Fate::Lost)),
        ("wait for outcome", "BackupsSuspended", record(Resume, Fate::Lost)),
    ] {
        let observed = seen(Some(instance(&desired, state, &json!({}))), recorded.clone());
        let step = deleting(&desired.target, Disposal::Stop, &observed, Stake::Covered, VERSION);
        assert_eq!(word(&step), expected, "{state}, {recorded:?}");
    }
}
