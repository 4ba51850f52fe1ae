//! Nothing is asked of Azure that no object asks for: judged at the moment that a request is sent, by the objects as the API
//! server has them then, or had them a moment ago.

use std::time::Duration;

use postgres_backup_operator::api::v1alpha1::PostgresBackupSpec;
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, annotations};
use serde_json::Value;

use super::{Judge, has_finalizer, instance_name};
use crate::wire::Call;

/// What was stored so recently may be acted on without looking again, and is a moment on its way.
const MOMENT: Duration = Duration::from_secs(12);

impl Judge {
    /// Looks at a request that is being sent.
    pub(super) fn attend(&self, call: Call, about: &str) {
        if !call.writes_instance() {
            return;
        }
        let since = self.azure.elapsed().saturating_sub(MOMENT);
        let versions = self.kubernetes.versions_since(since, |object| self.is_about(object, about));
        if !versions.iter().any(|object| asks_for(object, call) && !annotations::is_paused(object)) {
            self.wire.violation(format!("{call:?} of {about} was sent, and no object asks for it: {versions:#?}"));
        }
        if !versions.iter().any(|object| has_finalizer(object) || !needs_finalizer(object)) {
            self.wire.violation(format!("{call:?} of {about} was sent for an object without the finalizer"));
        }
        if call == Call::Put && self.azure.siblings(about) > 1 {
            self.wire.violation(format!("there is more than one backup instance with the owner tag of {about}"));
        }
    }

    /// Whether a stored object is about the backup instance of this name. A fleet is asked often, so names are derived once.
    fn is_about(&self, object: &Value, instance: &str) -> bool {
        let spec = &object["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let key =
            [&spec["database"]["resourceId"], &spec["vault"]["resourceId"], &spec["backupInstanceName"]].map(text);
        let mut names = self.names.lock().unwrap();
        // What cannot be read is about nothing, as for the operator.
        let read = || serde_json::from_value::<PostgresBackupSpec>(spec.clone()).ok();
        if !names.contains_key(&key) {
            let Some(spec) = read() else { return false };
            names.insert(key.clone(), instance_name(&spec));
        }
        names[&key].as_ref().is_some_and(|name| name.eq_ignore_ascii_case(instance)) && read().is_some()
    }
}

/// Whether an object is a reason to send a request.
fn asks_for(object: &PostgresBackup, call: Call) -> bool {
    let spec = &object.spec;
    if spec.mode != Mode::Enforce {
        return false;
    }
    let disposal = object.metadata.deletion_timestamp.as_ref().map(|_| spec.deletion_policy);
    match (call, disposal) {
        (Call::Put | Call::Sync | Call::Undelete | Call::Resume, None) => true,
        // From suspended to stopped the way leads through active.
        (Call::Stop | Call::Resume, Some(disposal)) => disposal == DeletionPolicy::StopProtection,
        (Call::Stop, None) => spec.protection == Protection::Stopped,
        (Call::Suspend, None) => spec.protection == Protection::Suspended,
        (Call::Delete, Some(disposal)) => disposal == DeletionPolicy::Delete,
        _ => false,
    }
}

/// Whether something is to be done in Azure when the object goes.
fn needs_finalizer(object: &PostgresBackup) -> bool {
    object.spec.mode == Mode::Enforce && object.spec.deletion_policy != DeletionPolicy::Retain
}
