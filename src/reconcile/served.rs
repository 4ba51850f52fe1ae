//! Tells each grant what it is good for: its status.

use std::sync::Arc;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::authorize::authority::StoredGrant;
use super::authorize::grant::{Grant, Problem};
use super::context::Context;
use super::stored::Stored;
use crate::api::conditions::{self, ConditionType, Finding};
use crate::api::{FIELD_MANAGER, PostgresBackupGrant, PostgresBackupGrantStatus, Reason};
use crate::error_chain;

/// Writes the status of each grant that does not say yet what is so. Returns whether all of them now do.
pub async fn tell(context: &Context, grants: &[Arc<StoredGrant>], objects: &[Arc<Stored>]) -> bool {
    let mut told = true;
    let served = context.authority.served(objects);
    let api: Api<PostgresBackupGrant> = Api::all(context.client.clone());
    for object in grants.iter().filter_map(|stored| stored.0.as_ref().ok()) {
        let grant = Grant::parse(object, &context.settings.service_account);
        let count = served.get(grant.name()).copied().unwrap_or_default();
        let previous = object.status.clone().unwrap_or_default();
        let next = status(&grant, count, object.meta().generation.unwrap_or_default(), &previous, context.clock.now());
        if next == previous {
            continue;
        }
        let patch = json!({
            "apiVersion": PostgresBackupGrant::api_version(&()),
            "kind": PostgresBackupGrant::kind(&()),
            "status": next,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        // The grant is in effect all the same.
        if let Err(error) = api.patch_status(&object.name_any(), &params, &Patch::Apply(patch)).await {
            let error = error_chain::one_line(&error);
            tracing::warn!(grant = grant.name(), error, "Could not write the status of a PostgresBackupGrant");
            told = false;
        }
    }
    told
}

/// What the status of a grant is to say.
#[must_use]
pub fn status(
    grant: &Grant,
    objects: i64,
    generation: i64,
    previous: &PostgresBackupGrantStatus,
    now: Timestamp,
) -> PostgresBackupGrantStatus {
    let mut status = PostgresBackupGrantStatus { observed_generation: generation, objects, ..previous.clone() };
    let unusable: Vec<_> = grant.problems().iter().filter_map(Problem::unusable).collect();
    let empty: Vec<_> = grant.problems().iter().filter_map(Problem::empty).collect();
    let finding = if !unusable.is_empty() {
        Finding::no(Reason::InvalidSpec, format!("What cannot be used grants nothing: {}.", unusable.join("; ")))
    } else if !empty.is_empty() {
        let message = format!("The grant matches nothing: {} is empty. Name what is meant.", empty.join(", "));
        Finding::no(Reason::MatchesNothing, message)
    } else {
        Finding::yes(Reason::InEffect, "The grant is in effect.")
    };
    conditions::set(&mut status.conditions, ConditionType::Ready, finding, generation, now);
    status
}
