//! Which action on which scope a request is, as Azure Resource Manager checks it.

use http::Method;

use crate::id::ResourceId;
use crate::instances::COLLECTION;
use crate::route::{ArmRoute, Target, VaultPart};
use crate::scope::Scope;

/// What a request needs permission for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Such as `Microsoft.DataProtection/backupVaults/backupInstances/read`.
    pub(crate) action: String,
    pub(crate) scope: Scope,
}

impl ArmRoute {
    /// What a request with this method needs; `None` when its resource type does not exist.
    ///
    /// The names are those of the provider's list of operations. A list of resources is an action on what contains
    /// them, and one of `locations` on the subscription.
    pub(crate) fn access(&self, method: &Method) -> Option<Access> {
        let subscription = || Scope::subscription(&self.subscription);
        let (resource, scope) = match &self.target {
            Target::Vault { vault, part } => part.resource(vault),
            Target::LocationOperationStatus { .. } => (Resource::of("locations/operationStatus"), subscription()),
            Target::LocationOperationResult { .. } => (Resource::of("locations/operationResults"), subscription()),
            Target::Unknown { .. } => return None,
        };
        Some(Access { action: resource.action(method), scope })
    }
}

/// A resource type below the provider, and what is done to it by POST.
struct Resource<'a> {
    kind: &'static str,
    verb: Option<&'a str>,
}

impl<'a> Resource<'a> {
    fn of(kind: &'static str) -> Self {
        Self { kind, verb: None }
    }

    fn post(kind: &'static str, verb: &'a str) -> Self {
        Self { kind, verb: Some(verb) }
    }

    fn action(&self, method: &Method) -> String {
        let kind = self.kind;
        let operation = match *method {
            Method::GET | Method::HEAD => "read",
            Method::PUT | Method::PATCH => "write",
            Method::DELETE => "delete",
            _ => "action",
        };
        match self.verb {
            Some(verb) => format!("Microsoft.DataProtection/{kind}/{verb}/{operation}"),
            None => format!("Microsoft.DataProtection/{kind}/{operation}"),
        }
    }
}

impl VaultPart {
    fn resource<'a>(&'a self, vault: &ResourceId) -> (Resource<'a>, Scope) {
        const VAULTS: &str = "backupVaults";
        const INSTANCES: &str = "backupVaults/backupInstances";
        const DELETED: &str = "backupVaults/deletedBackupInstances";
        const MAPPINGS: &str = "backupVaults/backupResourceGuardProxies";
        const POLICIES: &str = "backupVaults/backupPolicies";
        let child = |kind: &str, name: &str| Some(vault.child(kind, name));
        let (resource, child) = match self {
            Self::Itself => (Resource::of(VAULTS), None),
            Self::ValidateForBackup => (Resource::post(VAULTS, "validateForBackup"), None),
            Self::Instances => (Resource::of(INSTANCES), None),
            Self::Instance(name) => (Resource::of(INSTANCES), child(COLLECTION, name)),
            Self::Action(name, action) => (Resource::post(INSTANCES, action.name()), child(COLLECTION, name)),
            Self::UnknownAction(name, action) => (Resource::post(INSTANCES, action), child(COLLECTION, name)),
            Self::DeletedInstances => (Resource::of(DELETED), None),
            Self::DeletedInstance(name) => (Resource::of(DELETED), child("deletedBackupInstances", name)),
            Self::Undelete(name) => (Resource::post(DELETED, "undelete"), child("deletedBackupInstances", name)),
            Self::GuardMappings => (Resource::of(MAPPINGS), None),
            Self::GuardMapping(name) => (Resource::of(MAPPINGS), child("backupResourceGuardProxies", name)),
            Self::UnlockDelete(name) => {
                (Resource::post(MAPPINGS, "unlockDelete"), child("backupResourceGuardProxies", name))
            }
            Self::Policies => (Resource::of(POLICIES), None),
            Self::Policy(name) => (Resource::of(POLICIES), child("backupPolicies", name)),
            Self::OperationStatus(_) => (Resource::of("backupVaults/operationStatus"), None),
            Self::OperationResult(_) => (Resource::of("backupVaults/operationResults"), None),
        };
        (resource, Scope::from(child.unwrap_or_else(|| vault.clone())))
    }
}
