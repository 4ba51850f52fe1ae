//! Which requests about backup instances are refused at once.

use http::StatusCode;

use crate::engine::Engine;
use crate::errors::{Failure, FrontDoorError, UserFacingError};
use crate::id::ResourceId;
use crate::instance::Instance;
use crate::json::Object;
use crate::spec::InstanceSpec;
use crate::version::{ApiVersion, Feature};
use crate::world::Vault;

impl Engine {
    /// A datasource has at most one live instance, in whichever vault; and none in a vault that still keeps it
    /// soft-deleted. `own` is the instance that the request is about.
    pub(crate) fn refuse_protected(
        &self,
        spec: &InstanceSpec,
        vault: &Vault,
        own: Option<&ResourceId>,
    ) -> Result<(), UserFacingError> {
        let datasource = &spec.datasource.resource_id;
        let other = self
            .instances
            .values()
            .find(|instance| instance.spec.datasource.resource_id == *datasource && Some(&instance.id) != own);
        if let Some(other) = other {
            return Err(already_protected(other));
        }
        let kept = self.tombstones.values().find(|tombstone| {
            tombstone.instance.vault == vault.id && tombstone.instance.spec.datasource.resource_id == *datasource
        });
        kept.map_or(Ok(()), |tombstone| Err(soft_deleted(&tombstone.instance)))
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

/// Recorded with resumeProtection while another instance was live; that a soft-deleted one in the same vault is
/// refused is documented, with which code is inferred.
fn soft_deleted(kept: &Instance) -> UserFacingError {
    let (name, vault) = (kept.friendly_name(), &kept.vault);
    UserFacingError::new(
        "UserErrorDppDatasourceAlreadyHasBackupInstance",
        format!(
            "Datasource is already associated with the backup instance {name} in the Backup vault {vault} with the protection status as SoftDeleted."
        ),
        format!(
            "Delete the backup instance {name} from the Backup vault {vault} to re-protect the datasource in any other vault"
        ),
    )
}

/// That changes are refused while the service is at work is known from Terraform's provider; the code and the
/// status are inferred.
pub(crate) fn busy(instance: &Instance) -> Failure {
    let state = format!("{:?}", instance.state);
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

/// Refuses what only later api-versions know. Whether Azure refuses or ignores such a member is not known; refusing
/// shows a client's mistake.
pub(crate) fn refuse_later_members(object: Object<'_>, version: ApiVersion) -> Result<(), FrontDoorError> {
    const LATER: [(&str, Feature); 5] = [
        ("tags", Feature::Tags),
        ("datasourceAuthCredentials", Feature::Credentials),
        ("validationType", Feature::ValidationType),
        ("identityDetails", Feature::IdentityDetails),
        ("resourceGuardOperationRequests", Feature::ResourceGuardRequests),
    ];
    for (member, feature) in LATER {
        if !version.has(feature) && object.get(member).is_some() {
            return Err(FrontDoorError::bad_request(
                "InvalidRequestContent",
                format!(
                    "The request content was invalid and could not be deserialized: 'Could not find member '{member}' in api-version '{version}'. Path '{member}'.'."
                ),
            ));
        }
    }
    Ok(())
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
        ("currentProtectionState", existing.map(|instance| format!("{:?}", instance.state))),
    ];
    for (member, current) in states {
        let given = properties.text(member)?;
        if given.is_some_and(|given| current.as_deref().is_none_or(|current| !given.eq_ignore_ascii_case(current))) {
            return Err(UserFacingError::invalid_parameter(member).into());
        }
    }
    Ok(())
}
