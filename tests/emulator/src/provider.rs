//! Which request of a vault is answered by what, and since which api-version there is one.

use http::{Method, StatusCode};

use crate::arm::{Call, unknown_type};
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError};
use crate::http::Response;
use crate::operations::Place;
use crate::route::VaultPart;
use crate::version::Feature;
use crate::world::Vault;

impl Engine {
    pub(crate) fn vault_request(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        part: &VaultPart,
    ) -> Result<Response, Failure> {
        match part {
            VaultPart::Itself => {
                only(call, &[Method::GET])?;
                Ok(self.get_vault(call, vault))
            }
            VaultPart::ValidateForBackup => {
                only(call, &[Method::POST])?;
                self.validate_for_backup(call, vault)
            }
            VaultPart::Instances => {
                only(call, &[Method::GET])?;
                self.list_instances(call, vault)
            }
            VaultPart::Instance(name) => {
                only(call, &[Method::GET, Method::PUT, Method::DELETE])?;
                match call.request.method {
                    Method::PUT => self.put_instance(call, vault, name),
                    Method::DELETE => self.delete_instance(call, vault, name),
                    _ => self.get_instance(call, vault, name),
                }
            }
            VaultPart::Action(name, action) => {
                needs(call, action.feature(), &format!("backupInstances/{}", action.name()))?;
                only(call, &[Method::POST])?;
                self.act(call, vault, name, *action)
            }
            VaultPart::UnknownAction(_, action) => Err(FrontDoorError::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                format!("This emulator does not have the action '{action}' of a backup instance."),
            )
            .into()),
            VaultPart::DeletedInstances => {
                needs(call, Feature::DeletedBackupInstances, "deletedBackupInstances")?;
                only(call, &[Method::GET])?;
                self.list_deleted(call, vault)
            }
            VaultPart::DeletedInstance(name) => {
                needs(call, Feature::DeletedBackupInstances, "deletedBackupInstances")?;
                only(call, &[Method::GET])?;
                self.get_deleted(call, vault, name)
            }
            VaultPart::Undelete(name) => {
                needs(call, Feature::DeletedBackupInstances, "deletedBackupInstances/undelete")?;
                only(call, &[Method::POST])?;
                self.undelete(vault, name)
            }
            VaultPart::GuardMappings => {
                needs(call, Feature::ResourceGuardProxies, "backupResourceGuardProxies")?;
                only(call, &[Method::GET])?;
                Ok(self.list_mappings(vault))
            }
            VaultPart::GuardMapping(name) => {
                needs(call, Feature::ResourceGuardProxies, "backupResourceGuardProxies")?;
                only(call, &[Method::GET, Method::PUT, Method::DELETE])?;
                match call.request.method {
                    Method::PUT => self.put_mapping(call, vault, name),
                    Method::DELETE => self.delete_mapping(call, vault, name),
                    _ => self.get_mapping(vault, name),
                }
            }
            VaultPart::UnlockDelete(name) => {
                needs(call, Feature::ResourceGuardProxies, "backupResourceGuardProxies/unlockDelete")?;
                only(call, &[Method::POST])?;
                self.unlock_delete(call, vault, name)
            }
            VaultPart::Policies => {
                only(call, &[Method::GET])?;
                Ok(Self::list_policies(vault))
            }
            VaultPart::Policy(name) => {
                only(call, &[Method::GET])?;
                Self::get_policy(vault, name)
            }
            VaultPart::OperationStatus(id) => {
                needs(call, Feature::VaultScopedOperationStatus, "operationStatus")?;
                only(call, &[Method::GET])?;
                self.operation_status(call, id, Place::Vault(&vault.id))
            }
            VaultPart::OperationResult(id) => {
                only(call, &[Method::GET])?;
                self.operation_result(call, id, Place::Vault(&vault.id))
            }
        }
    }
}

fn needs(call: &Call<'_>, feature: Feature, kind: &str) -> Result<(), FrontDoorError> {
    if call.version.has(feature) {
        Ok(())
    } else {
        Err(unknown_type("Microsoft.DataProtection", &format!("backupVaults/{kind}"), call.version))
    }
}

pub(crate) fn only(call: &Call<'_>, methods: &[Method]) -> Result<(), FrontDoorError> {
    let method = &call.request.method;
    if methods.contains(method) {
        Ok(())
    } else {
        Err(FrontDoorError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The requested resource does not support http method '{method}'."),
        ))
    }
}
