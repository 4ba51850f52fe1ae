//! Where a backup instance differs from the specification. Pure; only what the specification owns is compared.

use crate::api::v1alpha1::DriftItem;
use crate::api::{Mode, Protection};
use crate::azure::{ApiVersion, Instance, ProtectionState, UserAssignedIdentityId};
use crate::reconcile::explain;
use crate::reconcile::validate::Desired;

/// Longest text that status takes of what differs, in bytes.
const MAX_TEXT: usize = 1024;

/// The drift item about the owner tag, which no user wrote into `spec`.
pub const OWNER_TAG: &str = "owner tag";

/// Whether a state is the one that `wanted` asks for.
#[must_use]
pub fn reaches(state: &ProtectionState, wanted: Protection) -> bool {
    use ProtectionState as State;

    match wanted {
        Protection::Active => *state == State::ProtectionConfigured,
        Protection::Suspended => matches!(state, State::BackupsSuspended | State::BackupSchedulesSuspended),
        Protection::Stopped => *state == State::ProtectionStopped,
    }
}

/// Whether backups are stopped or suspended in a state.
#[must_use]
pub fn is_at_rest(state: &ProtectionState) -> bool {
    use ProtectionState as State;

    matches!(
        state,
        State::ProtectionStopped
            | State::BackupsSuspended
            | State::BackupSchedulesSuspended
            | State::RetentionSchedulesSuspended
    )
}

/// Where the protection itself differs: backups run that should not, or the other way round.
#[must_use]
pub fn of_protection(desired: &Desired, instance: &Instance) -> Option<DriftItem> {
    let state = &instance.protection_state;
    let runs = matches!(state, ProtectionState::ProtectionConfigured | ProtectionState::ProtectionError);
    let settled = is_at_rest(state) || (runs && desired.protection != Protection::Active);
    (settled && !reaches(state, desired.protection)).then(|| DriftItem {
        field: "protection".to_owned(),
        desired: desired.protection.to_string(),
        actual: explain::clip(state.as_str(), MAX_TEXT),
    })
}

/// Compares the owned fields: policy, credentials, identity and, where the object claims the backup instance, owner tag. What `version` cannot carry is not compared,
/// since the answer does not show it. ARM ids are compared without regard to case, as ARM does.
#[must_use]
pub fn compare(desired: &Desired, instance: &Instance, version: ApiVersion) -> Vec<DriftItem> {
    let mut drift = Vec::new();
    let mut note = |field: &str, desired: String, actual: Option<String>| {
        let actual = actual.as_deref().map_or_else(|| "none".to_owned(), |actual| explain::clip(actual, MAX_TEXT));
        drift.push(DriftItem { field: field.to_owned(), desired: explain::clip(&desired, MAX_TEXT), actual });
    };

    let policy = instance.policy();
    if policy.as_ref() != Some(&desired.policy) {
        // Within the vault the name says it all; anything else is shown as Azure spells it.
        let name =
            policy.filter(|policy| policy.vault() == desired.policy.vault()).map(|policy| policy.name().to_string());
        note("policy.name", desired.policy.name().to_string(), name.or_else(|| instance.policy_id.clone()));
    }
    if let Some(secret) = desired.secret.as_ref().filter(|_| version.carries_credentials())
        && instance.secret().as_ref() != Some(secret)
    {
        note("keyVaultSecret.uri", secret.to_string(), instance.secret_uri.clone());
    }
    // An identity that Azure shows but that cannot be parsed is not the wanted one.
    let identity_differs =
        instance.identity() != desired.identity || (desired.identity.is_none() && instance.identity_id.is_some());
    if version.carries_identity_details() && identity_differs {
        let wanted = desired.identity.as_ref().map(UserAssignedIdentityId::to_string);
        note("vault.userAssignedIdentity", wanted.unwrap_or_else(|| "none".to_owned()), instance.identity_id.clone());
    }
    let owner = &desired.target.owner;
    let tagged = instance.tag(&owner.name);
    if desired.mode == Mode::Enforce && version.carries_tags() && tagged != Some(owner.value.as_str()) {
        note(OWNER_TAG, owner.value.clone(), tagged.map(str::to_owned));
    }
    drift
}

#[cfg(test)]
mod tests;
