//! Which operation a request is for.

use http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::actions::Action;
use crate::http::Request;
use crate::id::ResourceId;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /{tenant}/oauth2/v2.0/token`.
    OAuthToken { tenant: String },
    /// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
    OpenIdConfiguration { tenant: String },
    /// The App Service endpoint of the managed identity.
    ManagedIdentityToken,
    /// The admin API; the path below its prefix.
    Admin(Vec<String>),
    /// Azure Resource Manager.
    Arm(ArmRoute),
    /// Nothing that exists.
    Unknown,
}

/// A path of Azure Resource Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArmRoute {
    pub(crate) subscription: String,
    pub(crate) target: Target,
}

/// What an ARM path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something of a vault.
    Vault { vault: ResourceId, part: VaultPart },
    /// `locations/{location}/operationStatus/{id}`.
    LocationOperationStatus { location: String, id: String },
    /// `locations/{location}/operationResults/{id}`.
    LocationOperationResult { location: String, id: String },
    /// A resource type that this provider, or this emulator, does not have.
    Unknown { namespace: String, kind: String },
}

/// What of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VaultPart {
    Itself,
    ValidateForBackup,
    Instances,
    Instance(String),
    /// A POST on an instance.
    Action(String, Action),
    /// A POST on an instance that this emulator does not have.
    UnknownAction(String, String),
    DeletedInstances,
    DeletedInstance(String),
    Undelete(String),
    GuardMappings,
    GuardMapping(String),
    UnlockDelete(String),
    Policies,
    Policy(String),
    OperationStatus(String),
    OperationResult(String),
}

/// What kind of request it was, for the journal and for faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A token was asked for.
    Token,
    /// GET of the vault.
    GetVault,
    /// GET of one policy or of all.
    GetPolicy,
    /// POST of a request to be validated.
    ValidateForBackup,
    /// PUT of a backup instance.
    PutInstance,
    /// GET of a backup instance.
    GetInstance,
    /// GET of all backup instances of a vault.
    ListInstances,
    /// DELETE of a backup instance.
    DeleteInstance,
    /// GET of soft-deleted instances.
    GetDeletedInstance,
    /// POST that brings a soft-deleted instance back.
    UndeleteInstance,
    /// POST that stops protection and keeps the backups for ever.
    StopProtection,
    /// POST that stops backups and lets those there are expire.
    SuspendBackups,
    /// POST that ends either of them.
    ResumeProtection,
    /// POST that ends a suspension.
    ResumeBackups,
    /// POST that has the prerequisites looked at again.
    SyncInstance,
    /// POST of a change to be validated.
    ValidateForModify,
    /// GET, PUT or DELETE of the mapping to a resource guard.
    ResourceGuardMapping,
    /// POST that unlocks a DELETE which a resource guard protects.
    UnlockDelete,
    /// GET of an operation's status or result.
    Poll,
    /// Anything else.
    Other,
}

impl Route {
    pub(crate) fn of(request: &Request) -> Self {
        let segments: Vec<String> = request
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let words: Vec<&str> = lower.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["_admin", ..] => Self::Admin(segments.into_iter().skip(1).collect()),
            ["msi", "token"] => Self::ManagedIdentityToken,
            [_, "oauth2", "v2.0", "token"] => Self::OAuthToken { tenant: segments[0].clone() },
            [_, "v2.0", ".well-known", "openid-configuration"] => {
                Self::OpenIdConfiguration { tenant: segments[0].clone() }
            }
            ["subscriptions", _, rest @ ..] => Self::Arm(ArmRoute {
                subscription: segments[1].clone(),
                target: Target::of(&segments[1], rest, &segments[2..]),
            }),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn kind(&self, method: &Method) -> Kind {
        match self {
            Self::OAuthToken { .. } | Self::ManagedIdentityToken => Kind::Token,
            Self::Arm(arm) => arm.target.kind(method),
            Self::OpenIdConfiguration { .. } | Self::Admin(_) | Self::Unknown => Kind::Other,
        }
    }
}

impl Target {
    /// `words` are the segments below the subscription in lower case, `segments` the same as written.
    fn of(subscription: &str, words: &[&str], segments: &[String]) -> Self {
        match words {
            ["providers", "microsoft.dataprotection", "locations", _, "operationstatus", _] => {
                Self::LocationOperationStatus { location: segments[3].clone(), id: segments[5].clone() }
            }
            ["providers", "microsoft.dataprotection", "locations", _, "operationresults", _] => {
                Self::LocationOperationResult { location: segments[3].clone(), id: segments[5].clone() }
            }
            ["resourcegroups", _, "providers", "microsoft.dataprotection", "backupvaults", _, rest @ ..] => {
                match VaultPart::of(rest, &segments[6..]) {
                    Some(part) => {
                        Self::Vault { vault: ResourceId::vault(subscription, &segments[1], &segments[5]), part }
                    }
                    None => Self::unknown(segments),
                }
            }
            _ => Self::unknown(segments),
        }
    }

    fn unknown(segments: &[String]) -> Self {
        let mut provider = segments.iter().skip_while(|segment| !segment.eq_ignore_ascii_case("providers")).skip(1);
        let namespace = provider.next().cloned().unwrap_or_default();
        let kinds: Vec<&str> = provider.step_by(2).map(String::as_str).collect();
        Self::Unknown { namespace, kind: kinds.join("/") }
    }

    fn kind(&self, method: &Method) -> Kind {
        let Self::Vault { part, .. } = self else {
            return match self {
                Self::LocationOperationStatus { .. } | Self::LocationOperationResult { .. } => Kind::Poll,
                Self::Vault { .. } | Self::Unknown { .. } => Kind::Other,
            };
        };
        match (part, method) {
            (VaultPart::Itself, &Method::GET) => Kind::GetVault,
            (VaultPart::ValidateForBackup, &Method::POST) => Kind::ValidateForBackup,
            (VaultPart::Instances, &Method::GET) => Kind::ListInstances,
            (VaultPart::Instance(_), &Method::GET) => Kind::GetInstance,
            (VaultPart::Instance(_), &Method::PUT) => Kind::PutInstance,
            (VaultPart::Instance(_), &Method::DELETE) => Kind::DeleteInstance,
            (VaultPart::DeletedInstances | VaultPart::DeletedInstance(_), &Method::GET) => Kind::GetDeletedInstance,
            (VaultPart::Undelete(_), &Method::POST) => Kind::UndeleteInstance,
            (VaultPart::Action(_, action), &Method::POST) => action.kind(),
            (VaultPart::GuardMappings | VaultPart::GuardMapping(_), _) => Kind::ResourceGuardMapping,
            (VaultPart::UnlockDelete(_), &Method::POST) => Kind::UnlockDelete,
            (VaultPart::Policies | VaultPart::Policy(_), &Method::GET) => Kind::GetPolicy,
            (VaultPart::OperationStatus(_) | VaultPart::OperationResult(_), &Method::GET) => Kind::Poll,
            _ => Kind::Other,
        }
    }
}

impl VaultPart {
    fn of(words: &[&str], segments: &[String]) -> Option<Self> {
        let name = || segments[1].clone();
        Some(match words {
            [] => Self::Itself,
            ["validateforbackup"] => Self::ValidateForBackup,
            ["backupinstances"] => Self::Instances,
            ["backupinstances", _] => Self::Instance(name()),
            ["backupinstances", _, action] => match Action::parse(action) {
                Some(action) => Self::Action(name(), action),
                None => Self::UnknownAction(name(), segments[2].clone()),
            },
            ["deletedbackupinstances"] => Self::DeletedInstances,
            ["deletedbackupinstances", _] => Self::DeletedInstance(name()),
            ["deletedbackupinstances", _, "undelete"] => Self::Undelete(name()),
            ["backupresourceguardproxies"] => Self::GuardMappings,
            ["backupresourceguardproxies", _] => Self::GuardMapping(name()),
            ["backupresourceguardproxies", _, "unlockdelete"] => Self::UnlockDelete(name()),
            ["backuppolicies"] => Self::Policies,
            ["backuppolicies", _] => Self::Policy(name()),
            ["operationstatus", _] => Self::OperationStatus(name()),
            ["operationresults", _] => Self::OperationResult(name()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keywords_are_matched_in_any_casing_and_names_are_kept() {
        const VAULT: &str = "/SUBSCRIPTIONS/s/resourcegroups/Rg/Providers/microsoft.dataprotection/BackupVaults/V";
        let table = [
            (Method::GET, "", Kind::GetVault),
            (Method::POST, "/validateForBackup", Kind::ValidateForBackup),
            (Method::GET, "/backupinstances", Kind::ListInstances),
            (Method::PUT, "/backupInstances/Name", Kind::PutInstance),
            (Method::DELETE, "/backupInstances/Name", Kind::DeleteInstance),
            (Method::GET, "/backupPolicies/p", Kind::GetPolicy),
            (Method::GET, "/operationStatus/abc==", Kind::Poll),
            (Method::POST, "/backupInstances/Name/SYNC", Kind::SyncInstance),
            (Method::POST, "/backupInstances/Name/validateForModifyBackup", Kind::ValidateForModify),
            (Method::POST, "/deletedBackupInstances/Name/undelete", Kind::UndeleteInstance),
            (Method::GET, "/deletedBackupInstances/Name/undelete", Kind::Other),
            (Method::POST, "/backupInstances/Name/backup", Kind::Other),
            (Method::GET, "/nonsense", Kind::Other),
        ];
        for (method, path, expected) in table {
            let request = Request::new(method.clone(), &format!("{VAULT}{path}?api-version=x"));
            assert_eq!(Route::of(&request).kind(&method), expected, "{method} {path}");
        }
        let named = Route::of(&Request::new(Method::GET, &format!("{VAULT}/backupInstances/a%20B")));
        let Route::Arm(ArmRoute { target: Target::Vault { part, .. }, .. }) = named else { panic!("{named:?}") };
        assert_eq!(part, VaultPart::Instance("a B".to_owned()));
    }
}
