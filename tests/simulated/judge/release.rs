//! The finalizer goes only when nothing is left to be done: judged by what there is in Azure at that moment.

use std::time::Duration;

use azure_emulator::{Instance, ProtectionState};
use kube::ResourceExt;
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup};

use super::ready::owner_tag;
use super::{Judge, instance_name};

/// What somebody else has done in Azure a moment ago, the operator cannot know.
const MOMENT: Duration = Duration::from_secs(2);

impl Judge {
    /// Everything that is wrong about an object being let go.
    pub(super) fn of_release(&self, object: &PostgresBackup) -> Vec<String> {
        let spec = &object.spec;
        let keeps = spec.mode != Mode::Enforce || spec.deletion_policy == DeletionPolicy::Retain;
        let has_successor = || {
            let others = self.kubernetes.all().into_iter().filter(|other| other.uid() != object.uid());
            let live = |other: &PostgresBackup| {
                other.metadata.deletion_timestamp.is_none() && other.spec.mode == Mode::Enforce
            };
            others.filter(live).any(|other| instance_name(&other.spec) == instance_name(spec))
        };
        if keeps || has_successor() {
            return Vec::new();
        }
        if object.metadata.deletion_timestamp.is_none() {
            return vec!["the finalizer is taken off an object that needs it".to_owned()];
        }
        let just_meddled = self.azure.last_meddled().is_some_and(|at| self.azure.elapsed() < at + MOMENT);
        let instance = instance_name(spec).and_then(|name| self.azure.instance_named(&name));
        let left = instance.filter(|instance| {
            self.azure.has_vault(&spec.vault.resource_id)
                && is_of(object, instance)
                && !is_done(spec.deletion_policy, &instance.state)
        });
        match left {
            Some(instance) if !just_meddled => {
                vec![format!("it is let go while its backup instance is {}", instance.state)]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the backup instance is marked as the object's, and its database's.
fn is_of(object: &PostgresBackup, instance: &Instance) -> bool {
    let owner = instance.tags.iter().find(|(name, _)| *name == super::naming::OWNER_TAG);
    owner.is_some_and(|(_, value)| *value == owner_tag(object))
        && instance.spec.datasource.resource_id.as_str().eq_ignore_ascii_case(&object.spec.database.resource_id)
}

/// Whether an object that is deleted has nothing left to ask for.
fn is_done(policy: DeletionPolicy, state: &ProtectionState) -> bool {
    let state = state.as_str();
    match policy {
        DeletionPolicy::Retain => true,
        DeletionPolicy::Delete => matches!(state, "SoftDeleted" | "SoftDeleting"),
        DeletionPolicy::StopProtection => matches!(
            state,
            "ProtectionStopped"
                | "NotProtected"
                | "Invalid"
                | "ConfiguringProtectionFailed"
                | "SoftDeleted"
                | "SoftDeleting"
        ),
    }
}
