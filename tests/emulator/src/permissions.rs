//! Since when permissions count: Azure takes its time until a role assignment is known everywhere.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::clock::Moment;
use crate::id::ResourceId;
use crate::world::Grant;

/// The permissions that were granted, and from when on each of them counts.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    since: BTreeMap<(Uuid, ResourceId), Moment>,
}

impl Permissions {
    /// Takes over what is granted now. What was not granted before counts from `from` on.
    pub(crate) fn take_over(&mut self, grants: &[Grant], from: Moment) {
        let known = std::mem::take(&mut self.since);
        let entry = |grant: &Grant| {
            let key = (grant.principal_id, grant.scope.clone());
            let since = known.get(&key).copied().unwrap_or(from);
            (key, since)
        };
        self.since = grants.iter().map(entry).collect();
    }

    /// Whether a principal has permission on a resource at this moment, directly or through something around it.
    pub(crate) fn permit(&self, principal_id: Uuid, resource: &ResourceId, at: Moment) -> bool {
        self.since
            .iter()
            .any(|((principal, scope), since)| *principal == principal_id && *since <= at && resource.is_within(scope))
    }
}
