//! What people do to backup instances past the API that the emulator watches: in the portal, with another tool, or by
//! being Azure. Nothing is checked here, so that every state can be brought about.

use std::time::Duration;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::id::ResourceId;
use crate::instance::{Instance, ProvisioningState, Tags};
use crate::instances::COLLECTION;
use crate::spec::{DatasourceInfo, InstanceSpec, PolicyInfo};
use crate::state::ProtectionState;

/// How a backup instance is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is kept as a deleted instance for the vault's retention.
    Soft,
    /// It is gone.
    Final,
}

/// Why an instance cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// The id is not one of a backup instance.
    #[error("'{0}' is not the id of a backup instance: it must read {{vault}}/backupInstances/{{name}}")]
    NotAnInstance(ResourceId),
    /// The vault does not exist.
    #[error("there is no vault '{0}'")]
    NoVault(ResourceId),
}

impl Engine {
    /// A backup instance, to be changed: state, error, policy, tags, datasource. What runs on it goes on, and may
    /// change the state again.
    pub fn instance_mut(&mut self, id: &ResourceId) -> Option<&mut Instance> {
        // A change of state may be one to `ProtectionConfigured` without what that takes.
        self.world_changed = true;
        self.instances.get_mut(id)
    }

    /// Makes a protected instance that no request asked for, in place of a live or deleted one of the same id. The
    /// policy is given by its name and need not exist.
    ///
    /// # Errors
    /// When the id is not one of a backup instance, or its vault does not exist.
    pub fn create_in_portal(
        &mut self,
        id: &ResourceId,
        datasource: &ResourceId,
        policy: &str,
    ) -> Result<&mut Instance, PortalError> {
        let vault = id.parent().filter(|vault| vault.child(COLLECTION, id.name()) == *id);
        let vault = vault.ok_or_else(|| PortalError::NotAnInstance(id.clone()))?;
        let location = self.world.vault(&vault).map(|vault| vault.location.clone());
        let location = location.ok_or_else(|| PortalError::NoVault(vault.clone()))?;
        let spec = InstanceSpec {
            friendly_name: Some(datasource.name().to_owned()),
            datasource: DatasourceInfo::of(datasource, &location),
            datasource_set: None,
            policy: PolicyInfo::of(vault.child("backupPolicies", policy)),
            credentials: None,
            identity: None,
        };
        let mut instance = self.new_instance(id, &vault, spec, Tags::new());
        instance.state = ProtectionState::ProtectionConfigured;
        instance.provisioning = ProvisioningState::Succeeded;
        self.tombstones.remove(id);
        self.instances.remove(id);
        self.world_changed = true;
        Ok(self.instances.entry(id.clone()).or_insert(instance))
    }

    /// Deletes an instance at once. Returns whether there was one.
    pub fn delete_in_portal(&mut self, id: &ResourceId, removal: Removal) -> bool {
        let Some(instance) = self.instances.remove(id) else {
            return false;
        };
        if removal == Removal::Soft {
            let (at, activity_id) = (self.settled, self.random.guid().to_string());
            self.bury(instance, at, self.clock.real(at), &activity_id);
        }
        true
    }

    /// Sets for how much of Azure's time an instance still has recovery points when its backups have stopped; `None`: it
    /// has none. Left alone, it has them for 90 days from when they stopped, and none before it was protected by a
    /// request. Returns whether there is such an instance.
    pub fn set_recovery_points(&mut self, id: &ResourceId, expire_in: Option<Duration>) -> bool {
        let until: Option<Moment> = expire_in.map(|wait| self.settled + wait);
        let instance = self.instances.get_mut(id);
        instance.map(|instance| instance.recovery_points_until = until).is_some()
    }
}
