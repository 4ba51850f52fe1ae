//! A person must change something: the grant, the specification, or what others do.

use std::time::Duration;

use azure_emulator::Instance;
use postgres_backup_operator::api::conditions::ConditionType;
use postgres_backup_operator::api::grant::{IdentitySpec, NamespacesSpec, ServiceAccountSpec};
use postgres_backup_operator::api::v1alpha1::KeyVaultSecretSpec;
use postgres_backup_operator::api::{Mode, PostgresBackup, PostgresBackupGrant, Protection, Reason};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::json;

use super::Album;
use crate::azure::VAULT;
use crate::samples;
use crate::wire::Call::{Validate, ValidateChange};
use crate::wire::Reply;
use crate::world::{Setup, World, is};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn show(album: &mut Album) {
    grants(album).await;
    specifications(album).await;
    refusals(album).await;
    what_is_not_ours(album).await;
    observers(album).await;
    a_conflict(album).await;
}

/// Waits until `orders` is stalled for a reason, and takes what the world has shown.
async fn keep_stalled(album: &mut Album, world: &World, reason: Reason) {
    world.stalled("orders", reason).await;
    album.keep(world);
}

/// A flexible server `orders` with something different about its object.
fn orders(change: impl FnOnce(&mut PostgresBackup)) -> PostgresBackup {
    let mut object = samples::flexible("orders");
    change(&mut object);
    object
}

/// A grant of everything with something different about it.
fn grant(name: &str, change: impl FnOnce(&mut PostgresBackupGrant)) -> PostgresBackupGrant {
    let mut grant = samples::everything();
    grant.metadata.name = Some(name.to_owned());
    change(&mut grant);
    grant
}

async fn grants(album: &mut Album) {
    let world = World::with(Setup { grants: Vec::new(), ..Setup::default() });
    world.kubernetes.create(&samples::flexible("orders"));
    keep_stalled(album, &world, Reason::NotPermitted).await;

    let world = World::protected().await;
    let client_id = "44444444-4444-4444-8444-44444444440a".to_owned();
    let service_account = ServiceAccountSpec { name: None, tenant_id: client_id.clone(), client_id };
    world.kubernetes.grant(&grant("other", |grant| grant.spec.identity = Some(IdentitySpec { service_account })));
    keep_stalled(album, &world, Reason::GrantConflict).await;

    world.kubernetes.grant(&grant("empty", |grant| grant.spec.namespaces = NamespacesSpec::default()));
    world.kubernetes.grant(&grant("wrong", |grant| grant.spec.vaults.push("/subscriptions/..".to_owned())));
    world.pass(MINUTE).await;
    album.keep_grant(&world, "empty");
    let unusable = world.kubernetes.get_grant("wrong").expect("the grant exists");
    album.keep_as("situation-grant-unusable", serde_json::to_value(unusable).unwrap());
}

async fn specifications(album: &mut Album) {
    let world = World::start();
    world.kubernetes.create(&orders(|object| object.spec.policy.name = "week/ly".to_owned()));
    keep_stalled(album, &world, Reason::InvalidSpec).await;

    let world = World::start();
    let mut object = samples::single("orders");
    let foreign = "https://team-kv.vault.azure.cn/secrets/ossdbkey".to_owned();
    object.spec.key_vault_secret = Some(KeyVaultSecretSpec { uri: foreign });
    world.kubernetes.create(&object);
    keep_stalled(album, &world, Reason::KeyVaultNotInCloud).await;

    let world = World::with(Setup { api_version: ApiVersion::V2021_07_01, ..Setup::default() });
    let mut object = samples::single("orders");
    object.spec.protection = Protection::Stopped;
    world.kubernetes.create(&object);
    keep_stalled(album, &world, Reason::NotSupported).await;
}

async fn refusals(album: &mut Album) {
    let world = World::start();
    world.azure.protect_by_hand("by-hand", "orders");
    world.kubernetes.create(&samples::flexible("orders"));
    keep_stalled(album, &world, Reason::AlreadyProtected).await;

    let world = World::creating();
    world.wire.disturb_all(Validate, Reply::error(400, "InvalidRequestContent"));
    keep_stalled(album, &world, Reason::RequestRefused).await;

    let world = World::protected().await;
    world.wire.disturb_all(ValidateChange, Reply::error(403, "AuthorizationFailed"));
    world.kubernetes.edit("orders", |spec| {
        spec.mode = Mode::ValidateOnly;
        spec.policy.name = "daily".to_owned();
    });
    keep_stalled(album, &world, Reason::CannotValidate).await;
}

async fn what_is_not_ours(album: &mut Album) {
    let world = World::start();
    world.azure.protect_by_hand("taken", "billing");
    world.kubernetes.create(&orders(|object| object.spec.backup_instance_name = Some("taken".to_owned())));
    keep_stalled(album, &world, Reason::DatasourceMismatch).await;

    let world = World::protected().await;
    let owner = ("pgbackup-owner".to_owned(), "another-cluster/shop/orders".to_owned());
    world.azure.befall(|instance: &mut Instance| instance.tags.extend([owner]));
    keep_stalled(album, &world, Reason::OwnedByAnother).await;

    let world = World::protected().await;
    world.kubernetes.create(&samples::flexible_as("twin", "orders"));
    world.stalled("twin", Reason::DuplicateOf).await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    world.ready("twin").await;
    album.keep(&world);
}

async fn observers(album: &mut Album) {
    let world = World::start();
    world.kubernetes.create(&orders(|object| object.spec.mode = Mode::Observe));
    keep_stalled(album, &world, Reason::NotCreated).await;

    let world = World::protected().await;
    world.kubernetes.edit("orders", |spec| spec.mode = Mode::Observe);
    world.ready("orders").await;
    swap_policy(&world).await;
    keep_stalled(album, &world, Reason::DriftDetected).await;
}

async fn a_conflict(album: &mut Album) {
    let world = World::protected().await;
    for _ in 0..3 {
        swap_policy(&world).await;
        world.until("orders", "differing", |object| !is(object, ConditionType::Ready)).await;
        world.ready("orders").await;
    }
    swap_policy(&world).await;
    keep_stalled(album, &world, Reason::ConflictingWriter).await;
}

/// Somebody gives the backup instance another policy.
async fn swap_policy(world: &World) {
    let policy = json!(format!("{VAULT}/backupPolicies/daily"));
    world.meddle(|body| body["properties"]["policyInfo"]["policyId"] = policy).await;
}
