//! GET, LIST, PUT and DELETE of backup instances, and their validation.

use std::time::Duration;

use http::StatusCode;

use crate::actions::guard_requests;
use crate::arm::Call;
use crate::changes::{Change, Then, Work};
use crate::engine::Engine;
use crate::errors::{Failure, UserFacingError};
use crate::guard::Critical;
use crate::http::Response;
use crate::id::ResourceId;
use crate::instance::{Instance, ProvisioningState, Tags};
use crate::json::Object;
use crate::operations::Operation;
use crate::refuse::{refuse_read_only_changes, wrong_state};
use crate::security::SoftDeleteState;
use crate::settings::{PutOnFailed, PutOnStopped};
use crate::spec::InstanceSpec;
use crate::state::ProtectionState;
use crate::version::Feature;
use crate::world::Vault;
use crate::{schema, tags, validate};

/// The service's `Retry-After` for each request that starts an operation.
pub(crate) const AFTER_VALIDATE: Duration = Duration::from_secs(10);
const AFTER_PUT: Duration = Duration::from_secs(15);
const AFTER_DELETE: Duration = Duration::from_secs(30);

pub(crate) const COLLECTION: &str = "backupInstances";

impl Engine {
    pub(crate) fn get_instance(&self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let instance = self.instances.get(&vault.id.child(COLLECTION, name)).ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &instance.resource(call.version)))
    }

    pub(crate) fn list_instances(&self, call: &Call<'_>, vault: &Vault) -> Result<Response, Failure> {
        let own = self.instances.iter().filter(|(_, instance)| instance.vault == vault.id);
        self.page(call, own.map(|(id, instance)| (id, instance.resource(call.version))))
    }

    pub(crate) fn validate_for_backup(&mut self, call: &Call<'_>, vault: &Vault) -> Result<Response, Failure> {
        let body = call.body()?;
        schema::check(&body, schema::VALIDATE, call.version)?;
        let spec = InstanceSpec::read(Object::root(&body)?.required_object("backupInstance")?)?;
        self.refuse_protected(&spec, vault)?;
        let takes = self.random.within(&self.timing.validate);
        let operation = self.start_operation(call, vault, Work::Validate(Box::new(spec)), takes, AFTER_VALIDATE);
        Ok(self.accepted(&operation))
    }

    pub(crate) fn put_instance(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let id = vault.id.child(COLLECTION, name);
        let body = call.body()?;
        schema::check(&body, schema::RESOURCE, call.version)?;
        let resource = Object::root(&body)?;
        let properties = resource.required_object("properties")?;
        let spec = InstanceSpec::read(properties)?;
        let tags = tags::read(resource)?;
        let existing = self.instances.get(&id).cloned();
        refuse_read_only_changes(resource, properties, &id, existing.as_ref())?;
        validate::request(&self.world, vault, &spec, call.version)?;
        match existing {
            None => {
                self.refuse_soft_deleted_name(&id)?;
                self.refuse_protected(&spec, vault)?;
                Ok(self.create(call, vault, id, spec, tags))
            }
            Some(existing) => {
                if spec.datasource.resource_id != existing.spec.datasource.resource_id {
                    // Inferred: an instance belongs to its datasource for good.
                    return Err(UserFacingError::invalid_parameter("DataSourceInfo").into());
                }
                self.refuse_busy(&existing)?;
                if spec.policy.policy_id != existing.spec.policy.policy_id {
                    self.approve(vault, Critical::ModifyPolicy, &guard_requests(properties))?;
                }
                let then = self.after_put(&existing)?;
                Ok(self.update(call, vault, &existing, spec, tags, then))
            }
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
        let instance = self.new_instance(&id, &vault.id, spec, tags.unwrap_or_default());
        let work = Work::on(&instance, Change::Create);
        let operation = self.start_put(call, vault, work);
        let configured = operation.accepted_at + self.random.within(&self.timing.configure);
        if operation.doom.is_none() {
            self.schedule_decision(&id, instance.incarnation, &call.correlation_id, configured);
        }
        let response = Response::json(StatusCode::CREATED, &instance.resource(call.version));
        self.instances.insert(id, instance);
        self.started(response, &operation)
    }

    pub(crate) fn new_instance(
        &mut self,
        id: &ResourceId,
        vault: &ResourceId,
        spec: InstanceSpec,
        tags: Tags,
    ) -> Instance {
        self.incarnations += 1;
        Instance {
            id: id.clone(),
            vault: vault.clone(),
            tags,
            spec,
            state: ProtectionState::ConfiguringProtection,
            provisioning: ProvisioningState::Provisioning,
            error: None,
            recovery_points_until: None,
            incarnation: self.incarnations,
        }
    }

    /// What a PUT on an existing instance leads to. Recorded for a protected one only.
    fn after_put(&self, existing: &Instance) -> Result<Then, Failure> {
        let settings = &self.world.settings;
        let then = match existing.state {
            ProtectionState::ProtectionConfigured => Some(Then::Evaluate),
            ProtectionState::ProtectionError => Some(Then::Configure),
            state if state.is_paused() => match settings.put_on_stopped {
                PutOnStopped::KeepsState => Some(Then::Keep),
                PutOnStopped::Configures => {
                    self.refuse_datasource_of_another(existing)?;
                    Some(Then::Configure)
                }
                PutOnStopped::Refused => None,
            },
            ProtectionState::ConfiguringProtectionFailed | ProtectionState::NotProtected | ProtectionState::Invalid => {
                match settings.put_on_failed {
                    PutOnFailed::Configures => Some(Then::Configure),
                    PutOnFailed::KeepsState => Some(Then::Keep),
                    PutOnFailed::Refused => None,
                }
            }
            _ => Some(Then::Keep),
        };
        then.ok_or_else(|| wrong_state(existing, "write").into())
    }

    /// The answer shows the instance as it was, in `UpdatingProtection`: recorded with a change of policy.
    fn update(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        existing: &Instance,
        spec: InstanceSpec,
        tags: Option<Tags>,
        then: Then,
    ) -> Response {
        // A version without tags cannot change them; with later ones, a PUT replaces them.
        let tags = if call.version.has(Feature::Tags) { tags.unwrap_or_default() } else { existing.tags.clone() };
        let change = Change::Update { spec: Box::new(spec), tags, then };
        let operation = self.start_put(call, vault, Work::on(existing, change));
        self.show(existing, ProtectionState::UpdatingProtection);
        let mut shown = existing.clone();
        shown.state = ProtectionState::UpdatingProtection;
        shown.error = None;
        self.started(Response::json(StatusCode::CREATED, &shown.resource(call.version)), &operation)
    }

    fn start_put(&mut self, call: &Call<'_>, vault: &Vault, work: Work) -> Operation {
        let takes = self.random.within(&self.timing.put);
        self.start_operation(call, vault, work, takes, AFTER_PUT)
    }

    pub(crate) fn delete_instance(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let id = vault.id.child(COLLECTION, name);
        let soft = vault.soft_delete.state != SoftDeleteState::Off || call.version.has(Feature::SoftDeleteByDefault);
        let Some(instance) = self.instances.get(&id).cloned() else {
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        };
        // A second DELETE follows the first one. (Inferred.)
        let mut operations = self.operations.values().filter(|operation| operation.outcome.is_none());
        if let Some(running) =
            operations.find(|operation| operation.work.is_delete() && operation.work.concerns(&instance))
        {
            return Ok(self.accepted(running));
        }
        self.refuse_immutable(&instance, self.clock.moment(call.now))?;
        self.approve_delete(vault, &id, self.clock.moment(call.now))?;
        let work = Work::on(&instance, Change::Delete { soft });
        let takes = self.random.within(&self.timing.delete);
        let operation = self.start_operation(call, vault, work, takes, AFTER_DELETE);
        // What GET shows during a DELETE was not recorded; this is the documented state for it.
        self.show(&instance, ProtectionState::SoftDeleting);
        Ok(self.accepted(&operation))
    }
}
