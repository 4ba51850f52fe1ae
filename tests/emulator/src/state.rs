//! The protection states of a backup instance: those that Azure documents, those seen on the wire, and any other.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `currentProtectionState`, and `protectionStatus.status`, which is the same here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtectionState {
    /// After the PUT that created it.
    ConfiguringProtection,
    /// While an operation changes it.
    UpdatingProtection,
    /// Backed up.
    ProtectionConfigured,
    /// A prerequisite was missing when protection was configured, or is missing since.
    ProtectionError,
    /// It could not be configured at all.
    ConfiguringProtectionFailed,
    /// After stopProtection or undelete: no more backups, those there are stay for ever.
    ProtectionStopped,
    /// After suspendBackups: no more backups, those there are expire as the policy says. Only the wire has it.
    BackupsSuspended,
    /// Documented; how an instance gets there is not.
    BackupSchedulesSuspended,
    /// Documented; how an instance gets there is not.
    RetentionSchedulesSuspended,
    /// Documented; how an instance gets there is not.
    NotProtected,
    /// Documented; how an instance gets there is not.
    Invalid,
    /// During a DELETE.
    SoftDeleting,
    /// In `deletedBackupInstances`.
    SoftDeleted,
    /// One that a later Azure may have. Only the admin API brings it about.
    Other(StateName),
}

/// The states that have a name of their own.
const KNOWN: [ProtectionState; 13] = [
    ProtectionState::ConfiguringProtection,
    ProtectionState::UpdatingProtection,
    ProtectionState::ProtectionConfigured,
    ProtectionState::ProtectionError,
    ProtectionState::ConfiguringProtectionFailed,
    ProtectionState::ProtectionStopped,
    ProtectionState::BackupsSuspended,
    ProtectionState::BackupSchedulesSuspended,
    ProtectionState::RetentionSchedulesSuspended,
    ProtectionState::NotProtected,
    ProtectionState::Invalid,
    ProtectionState::SoftDeleting,
    ProtectionState::SoftDeleted,
];

impl ProtectionState {
    /// Every state but [`ProtectionState::Other`].
    pub fn known() -> impl Iterator<Item = Self> {
        KNOWN.into_iter()
    }

    /// The state as it stands on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::ConfiguringProtection => "ConfiguringProtection",
            Self::UpdatingProtection => "UpdatingProtection",
            Self::ProtectionConfigured => "ProtectionConfigured",
            Self::ProtectionError => "ProtectionError",
            Self::ConfiguringProtectionFailed => "ConfiguringProtectionFailed",
            Self::ProtectionStopped => "ProtectionStopped",
            Self::BackupsSuspended => "BackupsSuspended",
            Self::BackupSchedulesSuspended => "BackupSchedulesSuspended",
            Self::RetentionSchedulesSuspended => "RetentionSchedulesSuspended",
            Self::NotProtected => "NotProtected",
            Self::Invalid => "Invalid",
            Self::SoftDeleting => "SoftDeleting",
            Self::SoftDeleted => "SoftDeleted",
            Self::Other(name) => name.as_str(),
        }
    }

    /// Whether the service is at work on it and refuses changes.
    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Self::ConfiguringProtection | Self::UpdatingProtection | Self::SoftDeleting)
    }

    /// Whether backups were stopped or suspended, by whomever.
    pub(crate) fn is_paused(self) -> bool {
        matches!(
            self,
            Self::ProtectionStopped
                | Self::BackupsSuspended
                | Self::BackupSchedulesSuspended
                | Self::RetentionSchedulesSuspended
        )
    }
}

impl fmt::Display for ProtectionState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::str::FromStr for ProtectionState {
    type Err = InvalidStateName;

    /// A known state by its exact spelling; any other text up to 63 bytes is a state that Azure does not have yet.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = KNOWN.into_iter().find(|state| state.as_str() == text);
        known.map_or_else(|| StateName::new(text).map(Self::Other), Ok)
    }
}

impl Serialize for ProtectionState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProtectionState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of a state that is not known: a text of at most 63 bytes, kept in place so that a state stays `Copy`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StateName {
    bytes: [u8; Self::LONGEST],
    length: u8,
}

/// A text that is too long for a state.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is too long for a protection state: it may have 63 bytes")]
pub struct InvalidStateName(String);

impl StateName {
    const LONGEST: usize = 63;

    fn new(text: &str) -> Result<Self, InvalidStateName> {
        let mut bytes = [0; Self::LONGEST];
        let too_long = || InvalidStateName(text.to_owned());
        bytes.get_mut(..text.len()).ok_or_else(too_long)?.copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).map_err(|_| too_long())?;
        Ok(Self { bytes, length })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        // The bytes are those of a whole `str`.
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for StateName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_text_is_a_state_and_stays_as_it_is() {
        for state in ProtectionState::known() {
            assert_eq!(state.as_str().parse::<ProtectionState>().unwrap(), state);
        }
        for text in ["", "protectionconfigured", "SomethingNew", "Zurückgestellt"] {
            let state: ProtectionState = text.parse().unwrap();
            assert!(matches!(state, ProtectionState::Other(_)));
            assert_eq!(state.to_string(), text);
        }
        assert!("x".repeat(64).parse::<ProtectionState>().is_err());
    }
}
