//! Parses a `PostgresBackup` into types that cannot be wrong. Pure: no later stage sees the raw specification.

use kube::Resource;

use super::naming;
use crate::api::{DeletionPolicy, Mode, PostgresBackup, Protection};
use crate::azure::{
    ApiVersion, BackupInstanceId, BackupInstanceName, Cloud, DatasourceId, DatasourceKind, InstanceRequest, OwnerTag,
    PolicyId, PolicyName, RequestHash, SecretUri, UserAssignedIdentityId, Vault, VaultId,
};

/// Why a `PostgresBackup` cannot be acted on as it is.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The API server left out something that every stored object has.
    #[error("the object has no metadata.{0}; it was not read from an API server")]
    Incomplete(&'static str),
    /// A field does not hold what it must; admission lets it pass only under an outdated CustomResourceDefinition.
    #[error("spec.{field} cannot be used: {source}")]
    Field {
        /// The field of `spec`.
        field: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A Single Server database needs a secret.
    #[error("spec.keyVaultSecret.uri is required for a database of a Single Server")]
    SecretMissing,
    /// A flexible server takes no secret.
    #[error("spec.keyVaultSecret must be left out for a flexible server")]
    SecretSuperfluous,
    /// The secret's host is no Key Vault of the configured cloud.
    #[error(
        "spec.keyVaultSecret.uri points to {host}, which is no Key Vault of the cloud {cloud}: \
         its Key Vaults are called {{name}}.{suffix}"
    )]
    ForeignKeyVault {
        /// The host in the URI.
        host: String,
        /// The configured cloud.
        cloud: String,
        /// What the cloud's Key Vault hosts end with.
        suffix: String,
    },
}

/// Which object a pass is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`: tells an object from a later one of the same name.
    pub uid: String,
    /// `metadata.generation`: counts the changes of the specification.
    pub generation: i64,
}

impl Key {
    /// Extracts the key of a stored object.
    ///
    /// # Errors
    /// When the object lacks what the API server gives every object.
    pub fn of(object: &PostgresBackup) -> Result<Self, SpecError> {
        let meta = object.meta();
        Ok(Self {
            namespace: meta.namespace.clone().ok_or(SpecError::Incomplete("namespace"))?,
            name: meta.name.clone().ok_or(SpecError::Incomplete("name"))?,
            uid: meta.uid.clone().ok_or(SpecError::Incomplete("uid"))?,
            generation: meta.generation.ok_or(SpecError::Incomplete("generation"))?,
        })
    }
}

/// What a `PostgresBackup` is about: enough to look at its backup instance and to delete it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The database to protect.
    pub datasource: DatasourceId,
    /// The backup instance, which names the vault as well.
    pub instance: BackupInstanceId,
    /// The tag that marks the backup instance as this object's.
    pub owner: OwnerTag,
}

impl Target {
    /// Parses what does not change any more once the object has a backup instance.
    ///
    /// # Errors
    /// The field that cannot be used.
    pub fn parse(object: &PostgresBackup, key: &Key, cluster_name: &str) -> Result<Self, SpecError> {
        let spec = &object.spec;
        let datasource: DatasourceId = spec.database.resource_id.parse().map_err(in_field("database.resourceId"))?;
        let vault: VaultId = spec.vault.resource_id.parse().map_err(in_field("vault.resourceId"))?;
        let name = match &spec.backup_instance_name {
            Some(name) => name.parse::<BackupInstanceName>().map_err(in_field("backupInstanceName"))?,
            None => naming::derived_instance_name(&datasource, &vault).map_err(in_field("database.resourceId"))?,
        };
        Ok(Self {
            datasource,
            instance: vault.instance(name),
            owner: naming::owner_tag(cluster_name, &key.namespace, &key.name),
        })
    }

    /// The Backup vault.
    #[must_use]
    pub fn vault(&self) -> &VaultId {
        self.instance.vault()
    }

    /// The database as people call it: the server, or server/database.
    #[must_use]
    pub fn database_label(&self) -> String {
        match self.datasource.database_name() {
            Some(database) => format!("{}/{database}", self.datasource.server_name()),
            None => self.datasource.server_name().to_owned(),
        }
    }
}

/// Everything the specification asks for.
#[derive(Clone, Debug)]
pub struct Desired {
    /// What it is about.
    pub target: Target,
    /// The policy to protect under.
    pub policy: PolicyId,
    /// The secret with which the vault signs in; always there for a Single Server database, never for a flexible server.
    pub secret: Option<SecretUri>,
    /// The vault's identity to sign in with; `None` is its system-assigned one.
    pub identity: Option<UserAssignedIdentityId>,
    /// What the operator may do in Azure.
    pub mode: Mode,
    /// Whether backups are to be taken.
    pub protection: Protection,
}

impl Desired {
    /// Parses the specification for use in `cloud`.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn parse(object: &PostgresBackup, target: Target, cloud: &Cloud) -> Result<Self, SpecError> {
        let spec = &object.spec;
        let policy: PolicyName = spec.policy.name.parse().map_err(in_field("policy.name"))?;
        let identity = spec.vault.user_assigned_identity.as_deref();
        let identity = identity.map(str::parse::<UserAssignedIdentityId>).transpose();
        let secret = match (target.datasource.kind(), &spec.key_vault_secret) {
            (DatasourceKind::FlexibleServer, None) => None,
            (DatasourceKind::FlexibleServer, Some(_)) => return Err(SpecError::SecretSuperfluous),
            (DatasourceKind::SingleServerDatabase, None) => return Err(SpecError::SecretMissing),
            (DatasourceKind::SingleServerDatabase, Some(secret)) => Some(parse_secret(&secret.uri, cloud)?),
        };
        Ok(Self {
            policy: target.vault().policy(&policy),
            secret,
            identity: identity.map_err(in_field("vault.userAssignedIdentity"))?,
            mode: spec.mode,
            protection: spec.protection,
            target,
        })
    }

    /// What tells `request` from every other: its content and the backup instance that it is for.
    #[must_use]
    pub fn hash(&self, request: &InstanceRequest, version: ApiVersion) -> RequestHash {
        let instance = self.target.instance.to_string().to_lowercase();
        RequestHash::of_text(&format!("{instance} {}", request.fingerprint(version)))
    }

    /// The request that asks Azure for this, in the vault as it was read. Azure wants the database's location to be the vault's.
    #[must_use]
    pub fn request(&self, vault: &Vault) -> InstanceRequest {
        InstanceRequest {
            friendly_name: self.target.database_label(),
            datasource: self.target.datasource.clone(),
            location: vault.location.clone(),
            policy: self.policy.clone(),
            secret: self.secret.clone(),
            identity: self.identity.clone(),
            owner: self.target.owner.clone(),
        }
    }
}

fn parse_secret(uri: &str, cloud: &Cloud) -> Result<SecretUri, SpecError> {
    let secret: SecretUri = uri.parse().map_err(in_field("keyVaultSecret.uri"))?;
    if secret.belongs_to(cloud) {
        Ok(secret)
    } else {
        Err(SpecError::ForeignKeyVault {
            host: secret.host().to_owned(),
            cloud: cloud.name().to_string(),
            suffix: cloud.key_vault_suffix().to_owned(),
        })
    }
}

fn in_field<E>(field: &'static str) -> impl FnOnce(E) -> SpecError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| SpecError::Field { field, source: Box::new(source) }
}

/// What holds an object back once it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// The object is to be acted on.
    Live,
    /// The object is deleted, and this is to be done with its backup instance first.
    Deleting(Disposal),
    /// The object is deleted and lets go of its backup instance.
    LettingGo,
}

/// What is done with the backup instance of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposal {
    /// It is deleted.
    Delete,
    /// Its backups are stopped.
    Stop,
}

impl Lifecycle {
    /// Reads it off the object.
    #[must_use]
    pub fn of(object: &PostgresBackup) -> Self {
        if object.meta().deletion_timestamp.is_none() {
            return Self::Live;
        }
        Self::disposal(object).map_or(Self::LettingGo, Self::Deleting)
    }

    /// What is to be done in Azure when the object is deleted; nothing where it never claims its backup instance.
    #[must_use]
    pub fn disposal(object: &PostgresBackup) -> Option<Disposal> {
        match (object.spec.mode, object.spec.deletion_policy) {
            (Mode::Enforce, DeletionPolicy::Delete) => Some(Disposal::Delete),
            (Mode::Enforce, DeletionPolicy::StopProtection) => Some(Disposal::Stop),
            (Mode::Enforce, DeletionPolicy::Retain) | (Mode::Observe | Mode::ValidateOnly, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::reconcile::testing::object;

    #[test]
    fn a_deleted_object_disposes_of_what_it_claims_and_lets_go_of_the_rest() {
        use Lifecycle::{Deleting, LettingGo, Live};

        for (mode, policy, expected) in [
            ("Enforce", "Delete", Deleting(Disposal::Delete)),
            ("Enforce", "StopProtection", Deleting(Disposal::Stop)),
            ("Enforce", "Retain", LettingGo),
            ("Observe", "Delete", LettingGo),
            ("Observe", "StopProtection", LettingGo),
            ("Observe", "Retain", LettingGo),
            ("ValidateOnly", "Delete", LettingGo),
            ("ValidateOnly", "StopProtection", LettingGo),
            ("ValidateOnly", "Retain", LettingGo),
        ] {
            let mut object = object(json!({ "mode": mode, "deletionPolicy": policy }));
            assert_eq!(Lifecycle::of(&object), Live, "{mode}, {policy}");
            object.metadata.deletion_timestamp = serde_json::from_value(json!("2026-11-23T12:00:00Z")).unwrap();
            assert_eq!(Lifecycle::of(&object), expected, "{mode}, {policy}, deleted");
        }
    }
}
