//! Deleted instances: how long they are kept, how they are shown, and how they come back.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use crate::arm::Call;
use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::Failure;
use crate::http::Response;
use crate::id::ResourceId;
use crate::instance::{Instance, Tombstone};
use crate::instances::COLLECTION;
use crate::operations::Operation;
use crate::refuse::busy;
use crate::state::ProtectionState;
use crate::world::Vault;

/// The least that Azure keeps a deleted instance for.
const LEAST_RETENTION_DAYS: u16 = 14;

impl Engine {
    pub(crate) fn get_deleted(&self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let tombstone = self.tombstones.get(&vault.id.child(COLLECTION, name)).ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &tombstone.resource(call.version)))
    }

    pub(crate) fn list_deleted(&self, call: &Call<'_>, vault: &Vault) -> Result<Response, Failure> {
        let own = self.tombstones.iter().filter(|(_, tombstone)| tombstone.instance.vault == vault.id);
        self.page(call, own.map(|(id, tombstone)| (id, tombstone.resource(call.version))))
    }

    /// Recorded: 200 at once, whether or not the datasource is protected elsewhere by now.
    pub(crate) fn undelete(&mut self, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let id = vault.id.child(COLLECTION, name);
        if let Some(live) = self.instances.get(&id).filter(|_| self.tombstones.contains_key(&id)) {
            // Only an instance made by the admin API can be in the way.
            return Err(busy(live));
        }
        let Tombstone { mut instance, .. } = self.tombstones.remove(&id).ok_or(Failure::NotFound)?;
        instance.state = ProtectionState::ProtectionStopped;
        // A later DELETE must not be purged when this one would have been.
        self.incarnations += 1;
        instance.incarnation = self.incarnations;
        self.instances.insert(id, instance);
        Ok(Response::empty(StatusCode::OK))
    }

    /// The end of a DELETE.
    pub(crate) fn remove(&mut self, operation: &Operation, id: &ResourceId, soft: bool) {
        let Some(instance) = self.instances.remove(id) else {
            return;
        };
        if soft {
            self.bury(instance, operation.accepted_at, operation.started, &operation.correlation_id);
        }
    }

    /// Keeps a deleted instance until its time is over.
    pub(crate) fn bury(&mut self, mut instance: Instance, at: Moment, deleted_at: Timestamp, activity_id: &str) {
        instance.state = ProtectionState::SoftDeleted;
        instance.error = None;
        let days = self.world.vault(&instance.vault).map_or(LEAST_RETENTION_DAYS, |vault| {
            vault.soft_delete.retention_duration_in_days.max(LEAST_RETENTION_DAYS)
        });
        let purge = at + Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        let id = instance.id.clone();
        self.schedule_purge(&id, instance.incarnation, purge);
        let purge_at = self.clock.real(purge);
        let tombstone = Tombstone { instance, deleted_at, purge_at, activity_id: activity_id.to_owned() };
        self.tombstones.insert(id, tombstone);
    }
}
