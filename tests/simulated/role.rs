//! The role in Azure that `deploy/azure/operator-role.json` gives the operator: what it permits is what the operator asks
//! for.
//!
//! [`permits`] is asked about every request of the operator in every test of this crate, so that the role is enough; the
//! test here shows that all of it is needed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use azure_emulator::Entry;
use postgres_backup_operator::api::{Protection, Reason};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::Value;

use crate::azure::SERVERS;
use crate::samples;
use crate::world::World;

/// The first api-version that knows operations by vault.
const BY_VAULT: ApiVersion = ApiVersion::V2022_01_01;

/// What older ones ask for, on the subscription.
const STATUS_BY_LOCATION: &str = "Microsoft.DataProtection/locations/operationStatus/read";

static ACTIONS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let role: Value = serde_json::from_str(include_str!("../../deploy/azure/operator-role.json")).unwrap();
    serde_json::from_value(role["Actions"].clone()).unwrap()
});

/// Whether the documented role lets the operator send this request.
pub fn permits(entry: &Entry) -> bool {
    let is_old = entry.api_version.as_deref().is_some_and(|version| version < BY_VAULT.as_str());
    entry.action.as_ref().is_some_and(|action| ACTIONS.contains(action) || (is_old && action == STATUS_BY_LOCATION))
}

#[tokio::test(start_paused = true)]
async fn every_action_of_the_role_is_needed() {
    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.ready("orders").await;
    for protection in [Protection::Suspended, Protection::Active, Protection::Stopped, Protection::Active] {
        world.kubernetes.edit("orders", |spec| spec.protection = protection);
        world.ready("orders").await;
    }
    world.azure.revoke(SERVERS);
    world.reconciling("orders", Reason::ProtectionError).await;
    world.azure.grant(SERVERS);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;

    let journal = world.azure.in_portal(|engine| engine.journal().to_vec());
    let used: BTreeSet<String> = journal.into_iter().filter_map(|entry| entry.action).collect();
    assert_eq!(used, *ACTIONS);
}
