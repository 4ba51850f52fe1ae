//! The Backup vault and what is named inside it.

use super::name::{Name, NameRule, ParseNameError, SubscriptionId, alphanumeric_ends};
use super::resource::{ParseIdError, ResourceId, Shape};
use std::fmt;
use std::str::FromStr;

const NAMESPACE: &str = "Microsoft.DataProtection";

/// 2 to 50 characters, `^[A-Za-z][-A-Za-z0-9]*[A-Za-z0-9]$` (Data Protection API from 2025-07-01 on).
const VAULT_NAME: NameRule = NameRule {
    what: "a Backup vault",
    min: 2,
    max: 50,
    text: "letters, digits and '-', beginning with a letter and not ending with '-'",
    accepts: |text| text.starts_with(|c: char| c.is_ascii_alphabetic()) && alphanumeric_ends(text, "-"),
};

/// The API documents no rule; these are the letters the portal takes and the length of other Azure Backup policies.
const POLICY_NAME: NameRule = NameRule {
    what: "a backup policy",
    min: 1,
    max: 150,
    text: "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    accepts: |text| alphanumeric_ends(text, "-_."),
};

/// The API documents no rule. The longest name in use is the one the Azure CLI makes from a Single Server database:
/// server (63) - database (63) - GUID (36). A name within this can always be adopted.
const INSTANCE_NAME: NameRule = NameRule {
    what: "a backup instance",
    min: 1,
    max: 164,
    text: "letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    accepts: |text| alphanumeric_ends(text, "-_."),
};

const IDENTITY_NAME: NameRule = NameRule {
    what: "a user-assigned identity",
    min: 3,
    max: 128,
    text: "letters, digits, '-' and '_', beginning with a letter or digit",
    accepts: |text| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    },
};

/// The id of a Backup vault (`Microsoft.DataProtection/backupVaults`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VaultId(ResourceId);

impl VaultId {
    const SHAPE: Shape = Shape { what: "a Backup vault", namespace: NAMESPACE, types: &[("backupVaults", VAULT_NAME)] };

    /// The subscription of the vault; its requests count against the limits of this subscription.
    pub fn subscription(&self) -> &SubscriptionId {
        self.0.subscription()
    }

    /// The resource group of the vault.
    pub fn resource_group(&self) -> &str {
        self.0.resource_group()
    }

    /// The name of the vault.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// A policy of this vault.
    pub fn policy(&self, name: &PolicyName) -> PolicyId {
        PolicyId { vault: self.clone(), name: name.clone() }
    }

    /// A backup instance of this vault.
    pub fn instance(&self, name: BackupInstanceName) -> BackupInstanceId {
        BackupInstanceId { vault: self.clone(), name }
    }

    pub(super) fn resource(&self) -> &ResourceId {
        &self.0
    }

    /// The path of the vault in a URL, percent-encoded.
    pub fn path(&self) -> String {
        self.0.path()
    }
}

impl FromStr for VaultId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::SHAPE.parse(text).map(Self)
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a policy of a Backup vault (`…/backupVaults/backupPolicies`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyId {
    vault: VaultId,
    name: PolicyName,
}

impl PolicyId {
    const SHAPE: Shape = Shape {
        what: "a backup policy",
        namespace: NAMESPACE,
        types: &[("backupVaults", VAULT_NAME), ("backupPolicies", POLICY_NAME)],
    };

    /// The vault the policy belongs to.
    pub fn vault(&self) -> &VaultId {
        &self.vault
    }

    /// The name of the policy.
    pub fn name(&self) -> &PolicyName {
        &self.name
    }
}

impl FromStr for PolicyId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let id = Self::SHAPE.parse(text)?;
        Ok(Self { vault: VaultId(id.parent()), name: PolicyName(Name::new(id.name())) })
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/backupPolicies/{}", self.vault, self.name)
    }
}

/// The id of a backup instance: one protected datasource in a vault (`…/backupVaults/backupInstances`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackupInstanceId {
    vault: VaultId,
    name: BackupInstanceName,
}

impl BackupInstanceId {
    const SHAPE: Shape = Shape {
        what: "a backup instance",
        namespace: NAMESPACE,
        types: &[("backupVaults", VAULT_NAME), ("backupInstances", INSTANCE_NAME)],
    };

    /// The vault that holds the instance.
    pub fn vault(&self) -> &VaultId {
        &self.vault
    }

    /// The name of the instance, unique in its vault.
    pub fn name(&self) -> &BackupInstanceName {
        &self.name
    }

    /// The path of the instance in a URL, percent-encoded (the name has nothing to encode).
    pub fn path(&self) -> String {
        format!("{}/backupInstances/{}", self.vault.path(), self.name)
    }
}

impl FromStr for BackupInstanceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let id = Self::SHAPE.parse(text)?;
        Ok(Self { vault: VaultId(id.parent()), name: BackupInstanceName(Name::new(id.name())) })
    }
}

impl fmt::Display for BackupInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/backupInstances/{}", self.vault, self.name)
    }
}

/// The id of a user-assigned managed identity (`Microsoft.ManagedIdentity/userAssignedIdentities`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserAssignedIdentityId(ResourceId);

impl UserAssignedIdentityId {
    const SHAPE: Shape = Shape {
        what: "a user-assigned identity",
        namespace: "Microsoft.ManagedIdentity",
        types: &[("userAssignedIdentities", IDENTITY_NAME)],
    };

    /// The name of the identity.
    pub fn name(&self) -> &str {
        self.0.name()
    }
}

impl FromStr for UserAssignedIdentityId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        Self::SHAPE.parse(text).map(Self)
    }
}

impl fmt::Display for UserAssignedIdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a backup policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName(Name);

/// The name of a backup instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackupInstanceName(Name);

/// A name with a rule of its own: parsed, printed and read as text.
macro_rules! name {
    ($name:ident, $rule:expr) => {
        impl $name {
            /// The name as the user spelled it.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;

            fn from_str(text: &str) -> Result<Self, ParseNameError> {
                $rule.check(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name!(PolicyName, POLICY_NAME);
name!(BackupInstanceName, INSTANCE_NAME);
