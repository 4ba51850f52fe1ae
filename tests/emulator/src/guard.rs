//! Multi-user authorization: the mapping of a vault to a resource guard, and the operations that need its approval.
//!
//! Recorded: the mapping's resource and unlockDelete. How Azure refuses is inferred: without the right request in
//! `resourceGuardOperationRequests`, 400; without permission on the guard, Azure Resource Manager's own 403 for linked
//! resources.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use crate::actions::guard_requests;
use crate::arm::Call;
use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, UserFacingError};
use crate::http::Response;
use crate::id::ResourceId;
use crate::instance::timestamp;
use crate::json::Object;
use crate::schema;
use crate::security::{ResourceGuard, VaultSecurity};
use crate::world::Vault;

/// The only name that a mapping has.
const PROXY: &str = "DppResourceGuardProxy";

/// For how long a DELETE is unlocked, as recorded.
const UNLOCKED_FOR: Duration = Duration::from_secs(30 * 60);

/// The operations that a guard protects, in the order of the recorded mapping: what of the vault, and which request of
/// the guard approves it.
const CRITICAL: [(&str, &str); 9] = [
    ("backupInstances/delete", "deleteBackupInstanceRequests"),
    ("backupResourceGuardProxies/delete", "deleteResourceGuardProxyRequests"),
    ("write#reduceImmutabilityState", "dppReduceImmutabilityStateRequests"),
    ("write#reduceSoftDeleteSecurity", "dppReduceSoftDeleteSecurityRequests"),
    ("write#modifyEncryptionSettings", "dppModifyEncryptionSettingsRequests"),
    ("backupInstances/stopProtection/action", "dppDisableStopProtectionRequests"),
    ("backupInstances/suspendBackups/action", "dppDisableSuspendBackupsRequests"),
    ("backupInstances/write", "dppModifyPolicy"),
    ("backupInstances/restore/action", "dppTriggerRestoreRequests"),
];

/// The critical operations that the emulator has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Critical {
    DeleteInstance,
    DeleteMapping,
    StopProtection,
    SuspendBackups,
    ModifyPolicy,
}

impl Critical {
    /// The operation's name below the vault, and the guard's request.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::DeleteInstance => CRITICAL[0],
            Self::DeleteMapping => CRITICAL[1],
            Self::StopProtection => CRITICAL[5],
            Self::SuspendBackups => CRITICAL[6],
            Self::ModifyPolicy => CRITICAL[7],
        }
    }
}

impl Engine {
    /// Refuses a critical operation that the vault's guard has not approved.
    pub(crate) fn approve(&self, vault: &Vault, operation: Critical, requests: &[String]) -> Result<(), Failure> {
        let Some(guard) = self.world.resource_guard(&vault.id) else {
            return Ok(());
        };
        let (name, request) = operation.names();
        let request = request_id(guard, request);
        if !requests.iter().any(|given| given.eq_ignore_ascii_case(&request)) {
            return Err(unapproved(name, &request).into());
        }
        if guard.permits_callers {
            return Ok(());
        }
        Err(FrontDoorError::new(
            StatusCode::FORBIDDEN,
            "LinkedAuthorizationFailed",
            format!(
                "The client has permission to perform action 'Microsoft.DataProtection/backupVaults/{name}' on scope '{}'; however, it does not have permission to perform action 'Microsoft.DataProtection/resourceGuards/{}/read' on the linked scope(s) '{request}' or the linked scope(s) are invalid.",
                vault.id,
                operation.names().1
            ),
        )
        .into())
    }

    /// The same for a DELETE, which has no body: it must have been unlocked.
    pub(crate) fn approve_delete(&self, vault: &Vault, id: &ResourceId, at: Moment) -> Result<(), Failure> {
        self.approve_unlocked(vault, Critical::DeleteInstance, id, at)
    }

    fn approve_unlocked(&self, vault: &Vault, operation: Critical, id: &ResourceId, at: Moment) -> Result<(), Failure> {
        let Some(guard) = self.world.resource_guard(&vault.id) else {
            return Ok(());
        };
        if self.unlocked.get(id).is_some_and(|until| at < *until) {
            return Ok(());
        }
        let (name, request) = operation.names();
        Err(unapproved(name, &request_id(guard, request)).into())
    }

    pub(crate) fn get_mapping(&self, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let guard = self.world.resource_guard(&vault.id).filter(|_| name.eq_ignore_ascii_case(PROXY));
        let guard = guard.ok_or(Failure::NotFound)?;
        Ok(Response::json(StatusCode::OK, &self.mapping(vault, guard)))
    }

    pub(crate) fn list_mappings(&self, vault: &Vault) -> Response {
        let guard = self.world.resource_guard(&vault.id);
        let value: Vec<Value> = guard.into_iter().map(|guard| self.mapping(vault, guard)).collect();
        Response::json(StatusCode::OK, &json!({ "value": value }))
    }

    pub(crate) fn put_mapping(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        let body = call.body()?;
        schema::check(&body, schema::GUARD_PROXY, call.version)?;
        let properties = Object::root(&body)?.required_object("properties")?;
        let id = ResourceId::parse(properties.required_text("resourceGuardResourceId")?);
        let id = id.map_err(|_| UserFacingError::invalid_parameter("resourceGuardResourceId"))?;
        let permits_callers = self.world.resource_guard(&vault.id).is_none_or(|guard| guard.permits_callers);
        self.set_guard(vault, Some(ResourceGuard { id, permits_callers }));
        self.get_mapping(vault, name)
    }

    pub(crate) fn delete_mapping(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        self.get_mapping(vault, name)?;
        let proxy = vault.id.child("backupResourceGuardProxies", PROXY);
        self.approve_unlocked(vault, Critical::DeleteMapping, &proxy, self.clock.moment(call.now))?;
        self.set_guard(vault, None);
        Ok(Response::json(StatusCode::OK, &json!({})))
    }

    /// Permits one DELETE for half an hour: of the instance that is named, else of the mapping itself.
    pub(crate) fn unlock_delete(&mut self, call: &Call<'_>, vault: &Vault, name: &str) -> Result<Response, Failure> {
        self.get_mapping(vault, name)?;
        let body = call.body()?;
        schema::check(&body, schema::UNLOCK_DELETE, call.version)?;
        let body = Object::root(&body)?;
        let proxy = vault.id.child("backupResourceGuardProxies", PROXY);
        let target = match body.text("resourceToBeDeleted")? {
            None => proxy.clone(),
            Some(id) => ResourceId::parse(id)
                .ok()
                .filter(|id| id.is_within(&vault.id))
                .ok_or_else(|| UserFacingError::invalid_parameter("resourceToBeDeleted"))?,
        };
        let operation = if target == proxy { Critical::DeleteMapping } else { Critical::DeleteInstance };
        self.approve(vault, operation, &guard_requests(body))?;
        let until = self.clock.moment(call.now) + UNLOCKED_FOR;
        self.unlocked.insert(target, until);
        let expiry = timestamp(self.clock.real(until));
        Ok(Response::json(StatusCode::OK, &json!({ "unlockDeleteExpiryTime": expiry })))
    }

    fn set_guard(&mut self, vault: &Vault, resource_guard: Option<ResourceGuard>) {
        let immutability = self.world.immutability(&vault.id);
        self.world.put_vault_security(VaultSecurity { vault: vault.id.clone(), immutability, resource_guard });
    }

    fn mapping(&self, vault: &Vault, guard: &ResourceGuard) -> Value {
        let details: Vec<Value> = CRITICAL
            .iter()
            .map(|(operation, request)| {
                json!({
                    "vaultCriticalOperation": format!("Microsoft.DataProtection/backupVaults/{operation}"),
                    "defaultResourceRequest": request_id(guard, request),
                })
            })
            .collect();
        json!({
            "properties": {
                "resourceGuardResourceId": guard.id,
                "resourceGuardOperationDetails": details,
                "lastUpdatedTime": timestamp(self.clock.real(Moment::ZERO)),
            },
            "id": vault.id.child("backupResourceGuardProxies", PROXY),
            "name": PROXY,
            // As recorded: not `backupVaults`.
            "type": "Microsoft.DataProtection/vaults/backupResourceGuardProxies",
        })
    }
}

fn request_id(guard: &ResourceGuard, request: &str) -> String {
    format!("{}/{request}/default", guard.id)
}

/// Worded after what the sibling service, Azure Recovery Services, says; the code is inferred.
fn unapproved(operation: &str, request: &str) -> UserFacingError {
    UserFacingError::new(
        "UserErrorResourceGuardOperationRequestMissing",
        format!(
            "The operation Microsoft.DataProtection/backupVaults/{operation} is protected by a resource guard. ResourceGuard Operation requestid is either null or empty."
        ),
        format!("Have the operation approved on the resource guard, and provide {request} in the request."),
    )
}
