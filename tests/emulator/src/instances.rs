//! The requests about backup instances.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::arm::Call;
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, UserFacingError};
use crate::http::Response;
use crate::id::ResourceId;
use crate::instance::{Instance, ProtectionState, ProvisioningState, Tags};
use crate::json::Object;
use crate::operations::{Operation, Work};
use crate::refuse::{busy, refuse_later_members, refuse_read_only_changes};
use crate::spec::InstanceSpec;
use crate::validate;
use crate::version::Feature;
use crate::world::{SoftDeleteState, Vault};

/// The service's `Retry-After` for each request that starts an operation.
const AFTER_VALIDATE: Duration = Duration::from_secs(10);
const AFTER_PUT: Duration = Duration::from_secs(15);
const AFTER_DELETE: Duration = Duration::from_secs(30);

const COLLECTION: &str = "backupInstances";

#[derive(Serialize)]
struct List<T> {
    value: Vec<T>,
}

impl Engine {
    pub(crate) fn get_instance(&self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let instance = self.instances.get(&vault.id.child(COLLECTION, name)).ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &instance.resource(call.version)))
    }

    pub(crate) fn list_instances(&self, call: &Call<'_>, vault: &Vault) -> Response {
        let own = self.instances.values().filter(|instance| instance.vault == vault.id);
        let value = own.map(|instance| instance.resource(call.version)).collect();
        Response::json(StatusCode::OK, &List { value })
    }

    pub(crate) fn get_deleted(&self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let tombstone = self.tombstones.get(&vault.id.child(COLLECTION, name)).ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &tombstone.resource(call.version)))
    }

    pub(crate) fn list_deleted(&self, call: &Call<'_>, vault: &Vault) -> Response {
        let own = self.tombstones.values().filter(|tombstone| tombstone.instance.vault == vault.id);
        let value = own.map(|tombstone| tombstone.resource(call.version)).collect();
        Response::json(StatusCode::OK, &List { value })
    }

    pub(crate) fn validate_for_backup(&mut self, call: &Call<'_>, vault: &Vault) -> Result<Response, Failure> {
        let body = call.body()?;
        let instance = Object::root(&body)?.required_object("backupInstance")?;
        refuse_later_members(instance, call.version)?;
        let spec = InstanceSpec::read(instance)?;
        self.refuse_protected(&spec, vault, None)?;
        let takes = self.random.within(&self.timing.validate);
        let operation = self.start_operation(call, vault, Work::Validate(Box::new(spec)), takes, AFTER_VALIDATE);
        Ok(self.accepted(&operation))
    }

    pub(crate) fn put_instance(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let id = vault.id.child(COLLECTION, name);
        let body = call.body()?;
        let resource = Object::root(&body)?;
        refuse_later_members(resource, call.version)?;
        let properties = resource.required_object("properties")?;
        refuse_later_members(properties, call.version)?;
        let spec = InstanceSpec::read(properties)?;
        let tags = tags(resource)?;
        let existing = self.instances.get(&id).cloned();
        refuse_read_only_changes(resource, properties, &id, existing.as_ref())?;
        validate::request(&self.world, vault, &spec, call.version)?;
        self.refuse_protected(&spec, vault, Some(&id))?;
        match existing {
            None => Ok(self.create(call, vault, id, spec, tags)),
            Some(existing) => self.update(call, vault, &existing, spec, tags),
        }
    }

    fn create(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        id: ResourceId,
        spec: InstanceSpec,
        tags: Option<Tags>,
    ) -> Response {
        self.incarnations += 1;
        let instance = Instance {
            id: id.clone(),
            vault: vault.id.clone(),
            tags: tags.unwrap_or_default(),
            spec,
            state: ProtectionState::ConfiguringProtection,
            provisioning: ProvisioningState::Provisioning,
            error: None,
            incarnation: self.incarnations,
        };
        let work = Work::Create { instance: id.clone(), incarnation: instance.incarnation };
        let operation = self.start_put(call, vault, work);
        let configured = operation.accepted_at + self.random.within(&self.timing.configure);
        self.schedule_decision(&id, instance.incarnation, &call.correlation_id, configured);
        let response = Response::json(StatusCode::CREATED, &instance.resource(call.version));
        self.instances.insert(id, instance);
        self.started(response, &operation)
    }

    /// The answer shows the instance as it was, in `UpdatingProtection`: recorded with a change of policy.
    fn update(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        existing: &Instance,
        spec: InstanceSpec,
        tags: Option<Tags>,
    ) -> Result<Response, Failure> {
        if spec.datasource.resource_id != existing.spec.datasource.resource_id {
            // Inferred: an instance belongs to its datasource for good.
            return Err(UserFacingError::invalid_parameter("DataSourceInfo").into());
        }
        if existing.state.is_busy() {
            return Err(busy(existing));
        }
        let mut shown = existing.clone();
        shown.state = ProtectionState::UpdatingProtection;
        shown.error = None;
        let work = Work::Update {
            instance: shown.id.clone(),
            incarnation: shown.incarnation,
            spec: Box::new(spec),
            // A version without tags cannot change them; with later ones, a PUT replaces them.
            tags: if call.version.has(Feature::Tags) { tags.unwrap_or_default() } else { shown.tags.clone() },
            was_protected: existing.state == ProtectionState::ProtectionConfigured,
        };
        let operation = self.start_put(call, vault, work);
        let response = Response::json(StatusCode::CREATED, &shown.resource(call.version));
        self.instances.insert(shown.id.clone(), shown);
        Ok(self.started(response, &operation))
    }

    fn start_put(&mut self, call: &Call<'_>, vault: &Vault, work: Work) -> Operation {
        let takes = self.random.within(&self.timing.put);
        self.start_operation(call, vault, work, takes, AFTER_PUT)
    }

    pub(crate) fn delete_instance(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Response {
        let id = vault.id.child(COLLECTION, name);
        let soft = vault.soft_delete.state != SoftDeleteState::Off || call.version.has(Feature::SoftDeleteByDefault);
        let Some(instance) = self.instances.get_mut(&id) else {
            return Response::empty(StatusCode::NO_CONTENT);
        };
        let incarnation = instance.incarnation;
        // A second DELETE follows the first one. (Inferred.)
        let running = self.operations.values().find(|operation| {
            operation.outcome.is_none()
                && matches!(&operation.work, Work::Delete { instance, incarnation: of, .. } if *instance == id && *of == incarnation)
        });
        if let Some(running) = running {
            return self.accepted(running);
        }
        // What GET shows during a DELETE was not recorded; this is the documented state for it.
        instance.state = ProtectionState::SoftDeleting;
        instance.error = None;
        let work = Work::Delete { instance: id, incarnation, soft };
        let takes = self.random.within(&self.timing.delete);
        let operation = self.start_operation(call, vault, work, takes, AFTER_DELETE);
        self.accepted(&operation)
    }
}

fn tags(resource: Object<'_>) -> Result<Option<Tags>, Failure> {
    let Some(tags) = resource.object("tags")? else {
        return Ok(None);
    };
    let pairs = tags.iter().map(|(name, value)| match value {
        Value::String(value) => Ok((name.clone(), value.clone())),
        _ => Err(FrontDoorError::bad_request(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: 'The value of tag '{name}' is no string.'."),
        )
        .into()),
    });
    pairs.collect::<Result<Tags, Failure>>().map(Some)
}
