//! Something stands in the way that may go by itself, or that Azure and not the request is the cause of.

use std::time::Duration;

use azure_emulator::{Immutability, ResourceGuard, VaultSecurity};
use postgres_backup_operator::api::{Mode, Reason};
use serde_json::json;

use super::Album;
use crate::azure::{SERVERS, VAULT, id};
use crate::samples;
use crate::wire::Call::{self, GetInstance, GetVault, Put};
use crate::wire::{Fault, Reply};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

pub async fn show(album: &mut Album) {
    answers(album).await;
    a_busy_vault(album).await;
    what_is_missing(album).await;
    a_protection_that_breaks(album).await;
    what_azure_shows(album).await;
    a_guard(album).await;
    the_operator_itself(album).await;
}

/// A pass that panics, and an object that a later CustomResourceDefinition has let in.
async fn the_operator_itself(album: &mut Album) {
    let world = World::creating();
    world.wire.disturb_all(GetInstance, Fault::Panic);
    world.reconciling("orders", Reason::PassFailed).await;
    album.keep(&world);

    let world = World::protected().await;
    world.kubernetes.amend_raw("orders", |object| object["spec"]["mode"] = json!("Bewitch"));
    world.pass(MINUTE).await;
    album.keep(&world);
}

/// What Azure answers to everybody.
async fn answers(album: &mut Album) {
    for (call, reply, reason) in [
        (GetVault, Reply::error(429, "TooManyRequests").retry_after(77), Reason::Throttled),
        (GetInstance, Reply::error(503, "ServerBusy"), Reason::AzureUnavailable),
        (GetInstance, Reply::error(401, "InvalidAuthenticationToken"), Reason::CredentialUnavailable),
        (GetInstance, Reply::error(403, "AuthorizationFailed"), Reason::NotAuthorized),
    ] {
        let world = World::creating();
        world.wire.disturb_all(call, reply);
        world.reconciling("orders", reason).await;
        album.keep(&world);
    }
}

async fn a_busy_vault(album: &mut Album) {
    let world = World::protected().await;
    world.wire.disturb(Put, 1, Reply::error(409, "AnotherOperationInProgress").retry_after(45));
    world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
    world.reconciling("orders", Reason::AzureBusy).await;
    album.keep(&world);
}

async fn what_is_missing(album: &mut Album) {
    type Take = fn(&World);
    let cases: [(Take, Reason); 3] = [
        (|world| world.azure.revoke(SERVERS), Reason::MissingPermissions),
        (
            |world| world.azure.change(|azure| azure.vaults[0].policies.retain(|policy| policy.name != "weekly")),
            Reason::PrerequisiteMissing,
        ),
        (|world| world.azure.change(|azure| azure.vaults.clear()), Reason::VaultNotFound),
    ];
    for (take, reason) in cases {
        let world = World::start();
        take(&world);
        world.kubernetes.create(&samples::flexible("orders"));
        world.reconciling("orders", reason).await;
        album.keep(&world);
        if reason == Reason::MissingPermissions {
            let object = world.stalled("orders", reason).await;
            album.keep_as("situation-past-the-deadline", serde_json::to_value(object).unwrap());
        }
    }
}

async fn a_protection_that_breaks(album: &mut Album) {
    let world = World::creating();
    world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await;
    world.azure.revoke(SERVERS);
    world.reconciling("orders", Reason::ProtectionError).await;
    album.keep(&world);
}

async fn what_azure_shows(album: &mut Album) {
    let world = World::protected().await;
    let mut body = world.azure.shown();
    body["properties"]["currentProtectionState"] = json!("Hibernating");
    body["properties"]["protectionStatus"] = json!({ "status": "Hibernating" });
    world.wire.disturb_all(Call::GetInstance, Reply::ok(body));
    world.reconciling("orders", Reason::UnknownState).await;
    album.keep(&world);

    let world = World::soft_deleted(&samples::flexible("orders")).await;
    let mut object = samples::flexible("orders");
    object.spec.mode = Mode::Observe;
    world.kubernetes.create(&object);
    world.stalled("orders", Reason::SoftDeleted).await;
    album.keep(&world);
}

async fn a_guard(album: &mut Album) {
    let world = World::protected().await;
    let guard = id(&format!("{SERVERS}/providers/Microsoft.DataProtection/resourceGuards/security"));
    let resource_guard = Some(ResourceGuard { id: guard, permits_callers: true });
    let security = VaultSecurity { vault: id(VAULT), immutability: Immutability::Disabled, resource_guard };
    world.azure.change(|azure| azure.put_vault_security(security));
    world.kubernetes.delete("orders");
    world.stalled("orders", Reason::AwaitingApproval).await;
    world.pass(MINUTE).await;
    album.keep(&world);
}
