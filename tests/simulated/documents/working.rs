//! All is well, or on its way there.

use std::time::Duration;

use azure_emulator::ProtectionState;
use postgres_backup_operator::api::annotations::PAUSED;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::{Mode, Protection, Reason};
use serde_json::json;

use super::Album;
use crate::api_server::Edit;
use crate::azure::VAULT;
use crate::samples::{self, EVERYTHING};
use crate::wire::{Call, Fault};
use crate::world::{Setup, World, is};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn show(album: &mut Album) {
    a_life(album).await;
    what_others_change(album).await;
    a_request_that_is_lost(album).await;
    azure_at_work(album).await;
    a_dry_run(album).await;
    paused(album).await;
    a_grant(album).await;
}

/// Created, changed, suspended, resumed, stopped, deleted and brought back.
async fn a_life(album: &mut Album) {
    let world = World::creating();
    album.keep_write_as("situation-never-seen", &world, Edit::Created);
    world.ready("orders").await;
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    album.keep_write_as("situation-edited", &world, Edit::Edited);
    world.ready("orders").await;
    for wanted in [Protection::Suspended, Protection::Active, Protection::Stopped, Protection::Active] {
        world.kubernetes.edit("orders", |spec| spec.protection = wanted);
        world.ready("orders").await;
    }
    world.kubernetes.delete("orders");
    album.keep_write_as("situation-deleted", &world, Edit::Deleted);
    world.gone("orders").await;
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    album.keep(&world);
}

async fn what_others_change(album: &mut Album) {
    let world = World::protected().await;
    world
        .meddle(|body| body["properties"]["policyInfo"]["policyId"] = json!(format!("{VAULT}/backupPolicies/daily")))
        .await;
    world.until("orders", "differing", |object| !is(object, ConditionType::Ready)).await;
    world.ready("orders").await;
    world.pass(MINUTE).await;
    album.keep(&world);
}

async fn a_request_that_is_lost(album: &mut Album) {
    let world = World::creating();
    world.wire.disturb(Call::Put, 1, Fault::LoseRequest);
    world.reconciling("orders", Reason::AwaitingOutcome).await;
    album.keep(&world);
}

/// Azure configures protection without having been asked to by the operator.
async fn azure_at_work(album: &mut Album) {
    let world = World::protected().await;
    world.azure.befall(|instance| instance.state = ProtectionState::ConfiguringProtection);
    world.reconciling("orders", Reason::Configuring).await;
    album.keep(&world);
}

async fn a_dry_run(album: &mut Album) {
    let world = World::start();
    let mut object = samples::flexible("orders");
    object.spec.mode = Mode::ValidateOnly;
    world.kubernetes.create(&object);
    world.ready("orders").await;
    album.keep(&world);
}

async fn paused(album: &mut Album) {
    let world = World::start();
    let mut object = samples::flexible("orders");
    object.metadata.annotations = Some([(PAUSED.to_owned(), "true".to_owned())].into());
    world.kubernetes.create(&object);
    world.until("orders", "paused", |object| is(object, ConditionType::Paused)).await;
    album.keep(&world);

    let world = World::protected().await;
    world.kubernetes.annotate("orders", PAUSED, "true");
    let object = world.until("orders", "paused", |object| is(object, ConditionType::Paused)).await;
    album.keep_as("situation-paused-while-ready", serde_json::to_value(object).unwrap());
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    album.keep_write_as("situation-paused-and-edited", &world, Edit::Edited);
    world.kubernetes.delete("orders");
    let object = world.until("orders", "deleting", |object| is(object, ConditionType::Deleting)).await;
    album.keep_as("situation-paused-and-deleted", serde_json::to_value(object).unwrap());
}

async fn a_grant(album: &mut Album) {
    let world = World::with(Setup { grants: Vec::new(), ..Setup::default() });
    world.kubernetes.grant(&samples::everything());
    let fresh = world.kubernetes.get_grant(EVERYTHING).expect("the grant exists");
    album.keep_as("situation-grant-never-seen", serde_json::to_value(fresh).unwrap());
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    album.keep_grant(&world, EVERYTHING);
}
