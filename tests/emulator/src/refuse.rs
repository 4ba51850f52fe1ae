//! Which requests about backup instances are refused at once.

use http::StatusCode;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, UserFacingError};
use crate::id::ResourceId;
use crate::instance::Instance;
use crate::json::Object;
use crate::security::Immutability;
use crate::spec::InstanceSpec;
use crate::world::Vault;

impl Engine {
    /// A datasource has at most one live instance, in whichever vault; and none in a vault that still keeps it
    /// soft-deleted.
    pub(crate) fn refuse_protected(&self, spec: &InstanceSpec, vault: &Vault) -> Result<(), UserFacingError> {
        let datasource = &spec.datasource.resource_id;
        if let Some(other) = self.instance_of(datasource, None) {
            return Err(already_protected(other));
        }
        let kept = self.tombstones.values().find(|tombstone| {
            tombstone.instance.vault == vault.id && tombstone.instance.spec.datasource.resource_id == *datasource
        });
        kept.map_or(Ok(()), |tombstone| Err(has_instance(&tombstone.instance)))
    }

    /// A name stays taken while the instance is soft-deleted. (Inferred.)
    pub(crate) fn refuse_soft_deleted_name(&self, id: &ResourceId) -> Result<(), UserFacingError> {
        self.tombstones.get(id).map_or(Ok(()), |tombstone| Err(has_instance(&tombstone.instance)))
    }

    /// Recorded: protection is not resumed while another vault protects the datasource.
    pub(crate) fn refuse_datasource_of_another(&self, own: &Instance) -> Result<(), UserFacingError> {
        let other = self.instance_of(&own.spec.datasource.resource_id, Some(&own.id));
        other.map_or(Ok(()), |other| Err(has_instance(other)))
    }

    fn instance_of(&self, datasource: &ResourceId, but: Option<&ResourceId>) -> Option<&Instance> {
        let mut instances = self.instances.values();
        instances.find(|instance| {
            instance.spec.datasource.resource_id == *datasource && but.is_none_or(|id| instance.id != *id)
        })
    }

    /// An instance with recovery points that have not expired is not deleted from an immutable vault. (Documented; the
    /// code and the text are those of the sibling service, Azure Recovery Services.)
    pub(crate) fn refuse_immutable(&self, instance: &Instance, at: Moment) -> Result<(), UserFacingError> {
        // As long as backups run, there are new ones.
        let until = instance.recovery_points_until;
        let has_recovery_points = until.is_some_and(|until| at < until || !instance.state.is_paused());
        if self.world.immutability(&instance.vault) == Immutability::Disabled || !has_recovery_points {
            return Ok(());
        }
        Err(UserFacingError::new(
            "UserErrorOperationDeniedOnImmutableItem",
            "The Vault and Backup Item is in Immutable state where destructive operations are not supported.",
            "The Vault and Backup Item is immutable, hence operation is denied. Refer to the documentation to learn more: https://aka.ms/AB-ImmutableVaults-States",
        ))
    }
}

/// The article's answer, word for word. It names the friendly name, which need not be the name.
fn already_protected(other: &Instance) -> UserFacingError {
    let (name, vault) = (other.friendly_name(), &other.vault);
    UserFacingError::new(
        "UserErrorDppDatasourceAlreadyProtected",
        format!("Datasource is already protected under the Backup vault {vault}."),
        format!(
            "Delete the backup instance {name} from the Backup vault {vault} to re-protect the datasource in any other vault."
        ),
    )
}

/// Recorded with resumeProtection while another instance was live. That a soft-deleted one in the same vault is
/// refused is documented, with which code is inferred.
fn has_instance(other: &Instance) -> UserFacingError {
    let (name, vault, state) = (other.friendly_name(), &other.vault, other.state);
    UserFacingError::new(
        "UserErrorDppDatasourceAlreadyHasBackupInstance",
        format!(
            "Datasource is already associated with the backup instance {name} in the Backup vault {vault} with the protection status as {state}."
        ),
        format!(
            "Delete the backup instance {name} from the Backup vault {vault} to re-protect the datasource in any other vault"
        ),
    )
}

/// That the service refuses what does not go with a state is inferred, and so is the code.
pub(crate) fn wrong_state(instance: &Instance, operation: &str) -> UserFacingError {
    let (name, state) = (instance.name(), instance.state);
    UserFacingError::new(
        "UserErrorInvalidProtectionState",
        format!(
            "The operation {operation} is not supported on the backup instance {name} in the protection state {state}."
        ),
        "Bring the backup instance into a state in which the operation is supported and retry it.",
    )
}

/// That changes are refused while the service is at work is known from Terraform's provider; the code and the
/// status are inferred.
pub(crate) fn busy(instance: &Instance) -> Failure {
    let state = instance.state;
    Failure::Service(
        StatusCode::CONFLICT,
        UserFacingError::new(
            "AnotherOperationInProgress",
            format!(
                "Another operation is in progress on the backup instance {}: its protection status is {state}.",
                instance.name()
            ),
            "Wait for the operation in progress to complete and then try the operation again.",
        ),
    )
}

/// What only the service sets must agree with what it has set, and the body with the path. (ARM's contract allows
/// the service to refuse otherwise; the codes are inferred.)
pub(crate) fn refuse_read_only_changes(
    resource: Object<'_>,
    properties: Object<'_>,
    id: &ResourceId,
    existing: Option<&Instance>,
) -> Result<(), Failure> {
    let envelope =
        [("id", id.as_str()), ("name", id.name()), ("type", "Microsoft.DataProtection/backupVaults/backupInstances")];
    for (member, expected) in envelope {
        if let Some(given) = resource.text(member)?.filter(|given| !given.eq_ignore_ascii_case(expected)) {
            return Err(FrontDoorError::bad_request(
                "InvalidRequestContent",
                format!("The request content was invalid: the {member} '{given}' does not match '{expected}' of the request's URL."),
            )
            .into());
        }
    }
    let states = [
        ("provisioningState", existing.map(|instance| format!("{:?}", instance.provisioning))),
        ("currentProtectionState", existing.map(|instance| instance.state.to_string())),
    ];
    for (member, current) in states {
        let given = properties.text(member)?;
        if given.is_some_and(|given| current.as_deref().is_none_or(|current| !given.eq_ignore_ascii_case(current))) {
            return Err(UserFacingError::invalid_parameter(member).into());
        }
    }
    Ok(())
}
