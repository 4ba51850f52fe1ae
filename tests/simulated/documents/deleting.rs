//! Objects that are deleted: held back, or let go.

use std::time::Duration;

use postgres_backup_operator::api::{DeletionPolicy, Reason};
use postgres_backup_operator::azure::ApiVersion;
use postgres_backup_operator::reconcile::brake::BrakeLimit;

use super::Album;
use crate::azure::SERVERS;
use crate::samples;
use crate::wire::{Call, Reply};
use crate::world::{Setup, World};

pub async fn show(album: &mut Album) {
    held_by_the_brake(album).await;
    not_to_be_undone(album).await;
    retained(album).await;
    never_created(album).await;
}

async fn held_by_the_brake(album: &mut Album) {
    let brake = BrakeLimit { deletions: 1, window: Duration::from_secs(10 * 60) };
    let world = World::with(Setup { brake, ..Setup::default() });
    for name in ["billing", "orders"] {
        world.kubernetes.create(&samples::flexible(name));
        world.ready(name).await;
    }
    world.kubernetes.delete("billing");
    world.gone("billing").await;
    world.kubernetes.delete("orders");
    world.reconciling("orders", Reason::HeldByBrake).await;
    album.keep(&world);
}

async fn not_to_be_undone(album: &mut Album) {
    let world = World::with(Setup { api_version: ApiVersion::V2025_07_01, ..Setup::default() });
    world.kubernetes.create(&samples::flexible("orders"));
    world.ready("orders").await;
    world.azure.turn_soft_delete_off();
    world.kubernetes.delete("orders");
    world.stalled("orders", Reason::AwaitingConfirmation).await;
    album.keep(&world);
}

async fn retained(album: &mut Album) {
    let world = World::protected().await;
    world.wire.disturb_all(Call::Delete, Reply::error(400, "UserErrorSomethingNew"));
    world.kubernetes.delete("orders");
    let object = world.stalled("orders", Reason::RequestRefused).await;
    album.keep_as("situation-deletion-refused", serde_json::to_value(object).unwrap());
    world.kubernetes.edit("orders", |spec| spec.deletion_policy = DeletionPolicy::Retain);
    world.gone("orders").await;
    album.keep(&world);
}

async fn never_created(album: &mut Album) {
    let world = World::start();
    world.azure.revoke(SERVERS);
    world.kubernetes.create(&samples::flexible("orders"));
    world.reconciling("orders", Reason::MissingPermissions).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    album.keep(&world);
}
