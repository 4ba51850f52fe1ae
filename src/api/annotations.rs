//! The annotations with which people steer the operator beside the specification.

use kube::ResourceExt;

use super::PostgresBackup;

/// `"true"` holds the operator off: nothing is read from Azure and nothing written, not even for a deletion.
pub const PAUSED: &str = "pgbackup.dev/paused";

/// Any new value makes the operator look now and try again what it had given up on; echoed in
/// `status.lastHandledReconcileAt`. By convention a time, as Flux writes it.
pub const RECONCILE_REQUESTED_AT: &str = "pgbackup.dev/reconcile-requested-at";

/// The owner tag of another cluster's or object's backup instance that this object is to take over, exactly as it stands on
/// the instance.
pub const TAKE_OVER_FROM: &str = "pgbackup.dev/take-over-from";

/// The name of the backup instance that may be deleted although nobody can undo that.
pub const ALLOW_IRREVERSIBLE_DELETE: &str = "pgbackup.dev/allow-irreversible-delete";

/// `"true"` lets the object be deleted where a deletion guard is installed (`deploy/deletion-guard.yaml`). The API server
/// asks for it; the operator does not look at it.
pub const ALLOW_DELETE: &str = "pgbackup.dev/allow-delete";
/// All that the operator looks at.
pub const ALL: [&str; 4] = [PAUSED, RECONCILE_REQUESTED_AT, TAKE_OVER_FROM, ALLOW_IRREVERSIBLE_DELETE];

/// Longest value that is looked at, in bytes: longer than any owner tag, name or time, so that what is cut off a longer one
/// never makes it equal to one of them.
pub const LONGEST: usize = 2_048;

/// Longest request for a reconcile that status echoes, in bytes; the rest of a longer one is left out.
const MAX_REQUEST: usize = 256;

/// Whether the operator is held off.
#[must_use]
pub fn is_paused(object: &PostgresBackup) -> bool {
    value(object, PAUSED).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// The request for a reconcile, as status echoes it.
#[must_use]
pub fn reconcile_requested_at(object: &PostgresBackup) -> Option<&str> {
    value(object, RECONCILE_REQUESTED_AT).map(|value| &value[..value.floor_char_boundary(MAX_REQUEST)])
}

/// Whether a reconcile is requested that no pass has answered yet.
#[must_use]
pub fn is_reconcile_requested(object: &PostgresBackup) -> bool {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    reconcile_requested_at(object).is_some_and(|requested| Some(requested) != handled)
}

/// Whether the object may take over from the owner that this tag names.
#[must_use]
pub fn takes_over_from(object: &PostgresBackup, owner: &str) -> bool {
    value(object, TAKE_OVER_FROM) == Some(owner)
}

/// Whether the object asks to take over from another owner.
#[must_use]
pub fn takes_over(object: &PostgresBackup) -> bool {
    value(object, TAKE_OVER_FROM).is_some()
}

/// Whether the backup instance of this name may be deleted for good.
#[must_use]
pub fn allows_irreversible_delete(object: &PostgresBackup, instance: &str) -> bool {
    value(object, ALLOW_IRREVERSIBLE_DELETE).is_some_and(|named| named.eq_ignore_ascii_case(instance))
}

fn value<'a>(object: &'a PostgresBackup, annotation: &str) -> Option<&'a str> {
    object.annotations().get(annotation).map(|value| value.trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::api::PostgresBackupStatus;

    fn annotated(annotation: &str, value: &str) -> PostgresBackup {
        serde_json::from_value(json!({
            "apiVersion": "pgbackup.dev/v1alpha1",
            "kind": "PostgresBackup",
            "metadata": { "name": "orders", "annotations": { annotation: value } },
            "spec": { "database": { "resourceId": "d" }, "vault": { "resourceId": "v" }, "policy": { "name": "p" } },
        }))
        .unwrap()
    }

    #[test]
    fn only_true_pauses() {
        for (value, expected) in [("true", true), ("True", true), ("false", false), ("", false), ("yes", false)] {
            assert_eq!(is_paused(&annotated(PAUSED, value)), expected, "{value:?}");
        }
    }

    #[test]
    fn a_request_is_answered_once() {
        let long = "x".repeat(1000);
        for requested in ["2026-11-23T12:00:00Z", long.as_str()] {
            let mut object = annotated(RECONCILE_REQUESTED_AT, requested);
            assert!(is_reconcile_requested(&object));
            let last_handled_reconcile_at = reconcile_requested_at(&object).map(str::to_owned);
            object.status = Some(PostgresBackupStatus { last_handled_reconcile_at, ..PostgresBackupStatus::default() });
            assert!(!is_reconcile_requested(&object));
        }
        assert!(!is_reconcile_requested(&annotated(RECONCILE_REQUESTED_AT, "")));
    }

    #[test]
    fn what_cannot_be_undone_has_to_be_named() {
        let object = annotated(ALLOW_IRREVERSIBLE_DELETE, "orders-1");
        assert!(allows_irreversible_delete(&object, "orders-1") && !allows_irreversible_delete(&object, "orders-2"));
        let object = annotated(TAKE_OVER_FROM, "old/shop/orders");
        assert!(takes_over_from(&object, "old/shop/orders") && !takes_over_from(&object, "old/shop"));
    }
}
