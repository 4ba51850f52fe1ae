//! The api-versions of `Microsoft.DataProtection` and what each of them carries.

use std::fmt;

/// A stable api-version, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(&'static str);

/// Every stable api-version listed by the provider's specification up to 2026-06-01, oldest first. They are ISO
/// dates, so that their order as texts is their order in time.
const STABLE: [&str; 19] = [
    "2021-01-01",
    "2021-07-01",
    "2022-01-01",
    "2022-03-01",
    "2022-04-01",
    "2022-05-01",
    "2022-12-01",
    "2023-01-01",
    "2023-05-01",
    "2023-11-01",
    "2023-12-01",
    "2024-03-01",
    "2024-04-01",
    "2025-01-01",
    "2025-02-01",
    "2025-07-01",
    "2025-09-01",
    "2026-03-01",
    "2026-06-01",
];

impl ApiVersion {
    /// The version of this name, or `None` when the provider does not have it.
    pub fn parse(name: &str) -> Option<Self> {
        STABLE.into_iter().find(|version| *version == name).map(Self)
    }

    /// Every version, oldest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        STABLE.into_iter().map(Self)
    }

    /// The version as it stands in `api-version=`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether this version has the feature.
    pub fn has(self, feature: Feature) -> bool {
        self.0 >= feature.first_version()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// Something that not every api-version has. First versions are computed from the published swaggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `datasourceAuthCredentials`: the Key Vault secret of a single server's database.
    Credentials,
    /// `validationType` on a PUT.
    ValidationType,
    /// `Azure-AsyncOperation` below the vault instead of below the location, both headers signed.
    VaultScopedOperationStatus,
    /// stopProtection, suspendBackups, resumeProtection, resumeBackups and sync.
    InstanceActions,
    /// `tags` on a backup instance.
    Tags,
    /// `deletedBackupInstances` and undelete, and `securitySettings` of the vault.
    DeletedBackupInstances,
    /// `backupResourceGuardProxies` and unlockDelete.
    ResourceGuardProxies,
    /// `backupDatasourceParametersList` of a policy's parameters.
    BackupDatasourceParameters,
    /// `resourceProperties` of a datasource.
    ResourceProperties,
    /// `identityDetails` on a backup instance.
    IdentityDetails,
    /// `resourceGuardOperationRequests` on a backup instance, and bodies of stopProtection and suspendBackups.
    ResourceGuardRequests,
    /// validateForModifyBackup.
    ValidateForModify,
    /// DELETE soft-deletes even where the vault's soft delete is off.
    SoftDeleteByDefault,
}

impl Feature {
    fn first_version(self) -> &'static str {
        match self {
            Self::Credentials => "2021-07-01",
            Self::ValidationType | Self::VaultScopedOperationStatus | Self::InstanceActions => "2022-01-01",
            Self::Tags => "2022-05-01",
            Self::DeletedBackupInstances => "2022-12-01",
            Self::ResourceGuardProxies | Self::BackupDatasourceParameters => "2023-01-01",
            Self::IdentityDetails | Self::ResourceProperties => "2023-05-01",
            Self::ResourceGuardRequests => "2024-04-01",
            Self::ValidateForModify => "2025-01-01",
            Self::SoftDeleteByDefault => "2025-09-01",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn versions_are_in_order_and_features_never_go_away() {
        assert!(STABLE.is_sorted());
        assert!(ApiVersion::parse("2023-08-01").is_none());
        let first = ApiVersion::parse("2021-01-01").unwrap();
        let last = ApiVersion::parse("2026-06-01").unwrap();
        assert!(!first.has(Feature::Credentials));
        assert!(last.has(Feature::SoftDeleteByDefault));
        assert!(!ApiVersion::parse("2022-04-01").unwrap().has(Feature::Tags));
        assert!(ApiVersion::parse("2022-05-01").unwrap().has(Feature::Tags));
    }
}
