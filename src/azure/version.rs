//! The api-version spoken with `Microsoft.DataProtection`, and what each one can carry.

use super::request::Operation;
use std::fmt;
use std::str::FromStr;

/// Defines the versions once: variant, text, order.
macro_rules! versions {
    ($($variant:ident => $text:literal),+ $(,)?) => {
        /// A stable api-version of `Microsoft.DataProtection`, ordered by date.
        ///
        /// Source: the list of stable versions in Azure/azure-rest-api-specs, `specification/dataprotection`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)] // Each variant is the version it names.
        pub enum ApiVersion { $($variant),+ }

        impl ApiVersion {
            /// Every supported version, oldest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The version as the `api-version` parameter of a request.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

versions! {
    V2021_01_01 => "2021-01-01",
    V2021_07_01 => "2021-07-01",
    V2022_01_01 => "2022-01-01",
    V2022_03_01 => "2022-03-01",
    V2022_04_01 => "2022-04-01",
    V2022_05_01 => "2022-05-01",
    V2022_12_01 => "2022-12-01",
    V2023_01_01 => "2023-01-01",
    V2023_05_01 => "2023-05-01",
    V2023_11_01 => "2023-11-01",
    V2023_12_01 => "2023-12-01",
    V2024_03_01 => "2024-03-01",
    V2024_04_01 => "2024-04-01",
    V2025_01_01 => "2025-01-01",
    V2025_02_01 => "2025-02-01",
    V2025_07_01 => "2025-07-01",
    V2025_09_01 => "2025-09-01",
    V2026_03_01 => "2026-03-01",
    V2026_06_01 => "2026-06-01",
}

impl ApiVersion {
    /// Whether a backup instance has `tags`.
    pub fn carries_tags(self) -> bool {
        self >= Self::V2022_05_01
    }

    /// Whether a backup instance has `datasourceAuthCredentials`, the Key Vault secret.
    pub fn carries_credentials(self) -> bool {
        self >= Self::V2021_07_01
    }

    /// Whether a backup instance has `identityDetails`, the choice of a user-assigned identity.
    pub fn carries_identity_details(self) -> bool {
        self >= Self::V2023_05_01
    }

    /// Whether soft-deleted backup instances can be listed and undeleted.
    pub fn shows_deleted_instances(self) -> bool {
        self.has(Operation::GetDeletedBackupInstance) && self.has(Operation::UndeleteBackupInstance)
    }

    /// Whether protection can be stopped, suspended and resumed.
    pub fn stops_protection(self) -> bool {
        use Operation::{ResumeProtection, StopProtection, SuspendBackups};
        [StopProtection, SuspendBackups, ResumeProtection].into_iter().all(|operation| self.has(operation))
    }

    /// Whether a backup instance that does not work can be repaired by `sync`.
    pub fn syncs(self) -> bool {
        self.has(Operation::SyncBackupInstance)
    }

    /// Whether a change of a backup instance can be validated before it is made.
    pub fn validates_changes(self) -> bool {
        self.has(Operation::ValidateForModifyBackup)
    }

    /// Whether this version has an operation.
    pub fn has(self, operation: Operation) -> bool {
        self >= Self::first_with(operation)
    }

    /// The first stable version that has an operation. Source: the paths of the swaggers in Azure/azure-rest-api-specs.
    pub fn first_with(operation: Operation) -> Self {
        match operation {
            Operation::GetVault
            | Operation::GetBackupInstance
            | Operation::ListBackupInstances
            | Operation::ValidateForBackup
            | Operation::PutBackupInstance
            | Operation::DeleteBackupInstance
            | Operation::PollOperation => Self::V2021_01_01,
            Operation::StopProtection
            | Operation::SuspendBackups
            | Operation::ResumeProtection
            | Operation::SyncBackupInstance => Self::V2022_01_01,
            Operation::GetDeletedBackupInstance | Operation::UndeleteBackupInstance => Self::V2022_12_01,
            Operation::ValidateForModifyBackup => Self::V2025_01_01,
        }
    }

    /// Whether DELETE soft-deletes in every region, also where the vault's own soft delete is off
    /// (Learn, "Secure by default with soft delete for Azure Backup").
    pub fn always_soft_deletes(self) -> bool {
        self >= Self::V2025_09_01
    }

    /// What this version cannot carry, oldest capability first; empty for the default version.
    pub fn limitations(self) -> Vec<Limitation> {
        [
            (self.carries_credentials(), Limitation::NoCredentials),
            (self.carries_tags(), Limitation::NoTags),
            (self.carries_identity_details(), Limitation::NoIdentity),
        ]
        .into_iter()
        .filter_map(|(carried, limitation)| (!carried).then_some(limitation))
        .collect()
    }
}

/// Something wanted that an api-version cannot express and that is therefore not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limitation {
    /// No `datasourceAuthCredentials` before 2021-07-01.
    NoCredentials,
    /// No `tags` before 2022-05-01.
    NoTags,
    /// No `identityDetails` before 2023-05-01.
    NoIdentity,
}

impl Limitation {
    /// The limitation in one word, for logs and status.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCredentials => "CredentialsNotSent",
            Self::NoTags => "TagsNotSent",
            Self::NoIdentity => "IdentityNotSent",
        }
    }

    /// What is not sent and what follows from it, for the user.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoCredentials => {
                "The Key Vault secret is not sent: backup instances have no credentials before api-version 2021-07-01. \
                 Azure Backup then signs in to a Single Server as it was set up outside of this operator."
            }
            Self::NoTags => {
                "The owner tag is not sent: backup instances have no tags before api-version 2022-05-01. Objects that name \
                 the same backup instance cannot see each other, in one cluster or two: deleting one of them deletes it."
            }
            Self::NoIdentity => {
                "The user-assigned identity is not sent: backup instances have no identity before api-version \
                 2023-05-01. Azure Backup uses the system-assigned identity of the vault."
            }
        }
    }
}

impl fmt::Display for Limitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Default for ApiVersion {
    /// 2026-03-01: current in Microsoft's reference, complete, and of those whose DELETE always soft-deletes.
    fn default() -> Self {
        Self::V2026_03_01
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ApiVersion {
    type Err = UnsupportedApiVersion;

    fn from_str(text: &str) -> Result<Self, UnsupportedApiVersion> {
        Self::ALL
            .iter()
            .copied()
            .find(|version| version.as_str() == text)
            .ok_or_else(|| UnsupportedApiVersion { given: text.to_owned() })
    }
}

/// A text that is not a supported api-version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("api-version {given:?} is not supported; use one of {}", ApiVersion::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", "))]
pub struct UnsupportedApiVersion {
    given: String,
}

#[cfg(test)]
mod tests;
