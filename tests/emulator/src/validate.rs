//! What Azure Backup checks before it protects a datasource.

use uuid::Uuid;

use crate::errors::UserFacingError;
use crate::id::ResourceId;
use crate::spec::{InstanceSpec, SecretUri};
use crate::version::{ApiVersion, Feature};
use crate::world::{Identity, Vault, World};

/// The datasource type of a single server's database, the only one here that needs credentials.
const SINGLE_SERVER_DATABASE: &str = "Microsoft.DBforPostgreSQL/servers/databases";

type Check = Result<(), UserFacingError>;

/// Whether the request fits together: the policy exists and is for this kind of datasource, types and locations
/// agree, credentials are there where needed. A PUT is refused for these at once, a validation fails with them.
pub(crate) fn request(world: &World, vault: &Vault, spec: &InstanceSpec, version: ApiVersion) -> Check {
    let invalid = |parameter| Err(UserFacingError::invalid_parameter(parameter));
    let Some(policy) = vault.policy(&spec.policy.policy_id) else {
        // Recorded: `Parameter PolicyName in request is invalid`.
        return invalid("PolicyName");
    };
    // The parameter names below are inferred; only `PolicyName` was recorded.
    let datasource = &spec.datasource;
    let resource_type = datasource.resource_id.resource_type();
    let stated = datasource.datasource_type.as_deref().unwrap_or_default();
    if !starts_with_ignoring_case(stated, &resource_type) {
        return invalid("DatasourceType");
    }
    if !policy.datasource_types.iter().any(|kind| kind.eq_ignore_ascii_case(stated)) {
        return invalid("PolicyName");
    }
    let real_location = world.datasource(&datasource.resource_id).map(|known| known.location.as_str());
    let stated_location = datasource.resource_location.as_deref();
    if [stated_location, real_location].into_iter().flatten().any(|location| !same_region(location, &vault.location)) {
        return invalid("DatasourceLocation");
    }
    if spec.identity.is_some() && identity(vault, spec).is_none() {
        return invalid("IdentityDetails");
    }
    let needs_credentials = resource_type.eq_ignore_ascii_case(SINGLE_SERVER_DATABASE);
    if needs_credentials && version.has(Feature::Credentials) && spec.credentials.is_none() {
        return invalid("DatasourceAuthCredentials");
    }
    Ok(())
}

/// Whether Azure Backup can do its work right now: the datasource is there and the vault's identity is permitted on
/// it, the secret is there and the identity is permitted to read it. A validation fails with these; a PUT is
/// accepted and the instance turns to `ProtectionError`.
/// `permit` tells whether a principal has permission on a resource.
pub(crate) fn prerequisites(
    world: &World,
    permit: &dyn Fn(Uuid, &ResourceId) -> bool,
    vault: &Vault,
    spec: &InstanceSpec,
) -> Check {
    let Some(datasource) = world.datasource(&spec.datasource.resource_id) else {
        return Err(UserFacingError::new(
            "UserErrorDBNotFound",
            "The database or the server was not found.",
            "Ensure that the database and the relevant server exist.",
        )
        .with_detail(format!("Resource '{}' was not found.", spec.datasource.resource_id)));
    };
    let Some(identity) = identity(vault, spec) else {
        return Err(UserFacingError::invalid_parameter("IdentityDetails"));
    };
    let scope = datasource.permission_scope();
    if !permit(identity.principal_id, &scope) {
        return Err(missing_permissions(identity, scope.as_str()));
    }
    match &spec.credentials {
        Some(credentials) => secret(world, permit, identity, credentials.secret_store_resource.uri.as_deref()),
        None => Ok(()),
    }
}

/// The article's answer when the vault's identity has no role on the server, word for word.
fn missing_permissions(identity: Identity, scope: &str) -> UserFacingError {
    UserFacingError::new(
        "UserErrorMissingRequiredPermissions",
        "Appropriate permissions to perform the operation is missing.",
        "Grant appropriate permissions to perform this operation as mentioned at https://aka.ms/UserErrorMissingRequiredPermissions and retry the operation.",
    )
    .with_detail(format!(
        "Validate for Protection failed. Exception Message: {}",
        unauthorized(identity.client_id, identity.principal_id, "Microsoft.Authorization/roleAssignments/read", &format!("{scope}/providers/Microsoft.Authorization"))
    ))
}

/// What Azure Resource Manager says to whoever lacks permission, as the article quotes it.
pub(crate) fn unauthorized(client_id: Uuid, principal_id: Uuid, action: &str, scope: &str) -> String {
    format!(
        "The client '{client_id}' with object id '{principal_id}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    )
}

/// The codes are those of Learn's troubleshooting page, and so is the advice; the messages are worded after it.
fn secret(world: &World, permit: &dyn Fn(Uuid, &ResourceId) -> bool, identity: Identity, uri: Option<&str>) -> Check {
    let Some(secret) = uri.and_then(SecretUri::parse) else {
        return Err(UserFacingError::invalid_parameter("SecretStoreResource"));
    };
    let Some(key_vault) = world.key_vault(&secret.host) else {
        return Err(UserFacingError::new(
            "UserErrorInvalidSecretStore",
            "The given key vault does not exist or the backup service has no access to it.",
            "Ensure that the given key vault exists and the backup service is given access as documented.",
        )
        .with_detail(format!("Key vault '{}' was not found.", secret.host)));
    };
    if !permit(identity.principal_id, &key_vault.id) {
        return Err(UserFacingError::new(
            "UserErrorMissingPermissionsOnSecretStore",
            "The Backup vault's managed identity has no permission to read the secret in the key vault.",
            "Ensure that the backup vault's MSI is given access to the key vault as documented.",
        )
        .with_detail(unauthorized(
            identity.client_id,
            identity.principal_id,
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            key_vault.id.as_str(),
        )));
    }
    if !key_vault.secrets.iter().any(|name| name.eq_ignore_ascii_case(&secret.name)) {
        return Err(UserFacingError::new(
            "UserErrorInvalidSecret",
            "The given secret was not found in the key vault.",
            "Ensure that the secret with the database credentials exists in the key vault and is in the supported format.",
        )
        .with_detail(format!("A secret with name '{}' was not found in key vault '{}'.", secret.name, secret.host)));
    }
    Ok(())
}

/// The identity that signs in to the datasource: the one named, else the vault's own.
fn identity(vault: &Vault, spec: &InstanceSpec) -> Option<Identity> {
    let named = spec.identity.as_ref().and_then(|details| details.user_assigned_identity.as_ref());
    match named {
        None => vault.identity,
        Some(id) => vault
            .user_assigned_identities
            .iter()
            .find(|identity| identity.id == *id)
            .map(|identity| Identity { principal_id: identity.principal_id, client_id: identity.client_id }),
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Regions are the same in their short and their display form: `westus`, `westUS`, `West US`.
fn same_region(one: &str, other: &str) -> bool {
    let plain = |region: &str| region.replace(' ', "").to_ascii_lowercase();
    plain(one) == plain(other)
}
