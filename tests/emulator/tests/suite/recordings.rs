//! Replays recordings of the real service: the recorded requests are sent to the emulator, and every answer must be
//! the recorded one. Only what cannot be the same is normalised: operation ids, times, signatures, activity ids and the
//! count in a rate-limit header. [`ACCEPTED`] lists the differences that remain, with the reason.
//!
//! A recorded poll that shows a later state than the emulator is repeated while time is moved on second by second; one
//! that shows an earlier state fails. So the order of states is compared, and that each is seen.

use azure_emulator::{SoftDeleteState, World};
use serde_json::Value;

use crate::common::{DATABASE, FLEXIBLE_SERVER, datasource, grant, key_vault, vault};
use crate::replay::{Player, shape};

/// A difference that is not a fault of the emulator.
struct Accepted {
    /// The recording.
    recording: &'static str,
    /// The header it is in.
    header: &'static str,
    reason: &'static str,
}

const ACCEPTED: [Accepted; 7] = [
    Accepted {
        recording: "cli-pgflex-backup-and-restore",
        header: "retry-after",
        reason: "the recorder of the Azure CLI files took Retry-After out; the article and the ASO file have it",
    },
    Accepted { recording: "cli-pg-single-server-backup-and-restore", header: "retry-after", reason: "as above" },
    Accepted { recording: "cli-change-policy", header: "retry-after", reason: "as above" },
    Accepted { recording: "cli-softdelete-undelete", header: "retry-after", reason: "as above" },
    Accepted { recording: "cli-stop-suspend-resume", header: "retry-after", reason: "as above" },
    Accepted {
        recording: "cli-pg-single-server-backup-and-restore",
        header: "content-type",
        reason: "recorded in February 2024, when answers had no charset yet; all later recordings have one",
    },
    Accepted {
        recording: "cli-pg-single-server-backup-and-restore",
        header: "azure-asyncoperation of operationResults",
        reason: "recorded in February 2024, when this URL was not signed yet; in June 2024 it was",
    },
];

/// Whether a header of a recording may differ.
pub(crate) fn accepted(recording: &str, header: &str) -> bool {
    ACCEPTED.iter().any(|difference| {
        assert!(!difference.reason.is_empty());
        difference.recording == recording && difference.header == header
    })
}

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000000";

fn group(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/{name}")
}

#[test]
fn flexible_server_is_protected_and_deleted() {
    let group = group("clitest-dpp-ecy-rg");
    let server = format!("{group}/providers/{FLEXIBLE_SERVER}/clitest-pgflex-server-2");
    let vault_id = format!("{group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-ecy-donotdelete");
    let mut player = Player::new(
        "cli-pgflex-backup-and-restore",
        World {
            vaults: vec![vault(&vault_id, "eastus2euap", &[("pgflexpolicy", FLEXIBLE_SERVER)])],
            datasources: vec![datasource(&server, "eastus2euap")],
            grants: vec![grant(&server)],
            ..World::default()
        },
    );
    player.play(0..=15);
    // In between: backups and restores.
    player.play(32..=32);
}

#[test]
fn single_server_database_is_protected_and_deleted() {
    let (vault_group, server_group) = (group("clitest-dpp-rg"), group("oss-clitest-rg"));
    let server = format!("{server_group}/providers/Microsoft.DBforPostgreSQL/servers/oss-clitest-server");
    let vault_id =
        format!("{vault_group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-donotdelete");
    let secrets = format!("{server_group}/providers/Microsoft.KeyVault/vaults/oss-clitest-keyvault");
    let mut player = Player::new(
        "cli-pg-single-server-backup-and-restore",
        World {
            vaults: vec![vault(&vault_id, "centraluseuap", &[("osspolicy", DATABASE)])],
            datasources: vec![datasource(&format!("{server}/databases/postgres"), "centraluseuap")],
            key_vaults: vec![key_vault(&secrets, "oss-clitest-keyvault.vault.azure.net", &["oss-clitest-secret"])],
            grants: vec![grant(&server), grant(&secrets)],
            ..World::default()
        },
    );
    player.play(0..=15);
    player.play(64..=64);
}

#[test]
fn the_policy_of_an_instance_is_changed_and_changed_back() {
    let group = group("clitest-dpp-rg");
    let account = format!("{group}/providers/Microsoft.Storage/storageAccounts/clitestsabidonotdelete");
    let vault_id =
        format!("{group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-persistent-bi-donotdelete");
    let blobs = "Microsoft.Storage/storageAccounts/blobServices";
    let policies = [("blobpolicy", blobs), ("altblobpolicy", blobs)];
    let mut player = Player::new(
        "cli-change-policy",
        World {
            vaults: vec![vault(&vault_id, "centraluseuap", &policies)],
            datasources: vec![datasource(&account, "centraluseuap")],
            grants: vec![grant(&account)],
            ..World::default()
        },
    );
    player.protect(0);
    let last = player.interactions.len() - 1;
    player.play(0..=last);
}

#[test]
fn a_deleted_instance_is_kept_and_its_datasource_protected_elsewhere() {
    let group = group("clitest-dpp-rg");
    let disk = format!("{group}/providers/Microsoft.Compute/disks/clitest-disk-sd-donotdelete");
    let vaults = format!("{group}/providers/Microsoft.DataProtection/backupVaults");
    let kind = "Microsoft.Compute/disks";
    let mut keeping =
        vault(&format!("{vaults}/clitest-bkp-vault-sd1-donotdelete"), "centraluseuap", &[("diskpol", kind)]);
    keeping.soft_delete.state = SoftDeleteState::On;
    let other = vault(
        &format!("{vaults}/clitest-bkp-vault-persistent-bi-donotdelete"),
        "centraluseuap",
        &[("diskpolicy", kind)],
    );
    let mut player = Player::new(
        "cli-softdelete-undelete",
        World {
            vaults: vec![keeping, other],
            datasources: vec![datasource(&disk, "centraluseuap")],
            grants: vec![grant(&disk)],
            ..World::default()
        },
    );
    player.protect(4);
    // All of it: the one vault's instance is deleted, the datasource protected in the other, the first one undeleted,
    // refused to be resumed, and resumed when the other is gone.
    let last = player.interactions.len() - 1;
    player.play(0..=last);
}

#[test]
fn protection_is_stopped_suspended_and_resumed_from_both() {
    let group = group("clitest-dpp-rg");
    let kind = "Microsoft.Compute/disks";
    let disk = format!("{group}/providers/{kind}/clitest-disk-persistent-bi-donotdelete");
    let vault_id =
        format!("{group}/providers/Microsoft.DataProtection/backupVaults/clitest-bkp-vault-persistent-bi-donotdelete");
    let mut player = Player::new(
        "cli-stop-suspend-resume",
        World {
            vaults: vec![vault(&vault_id, "centraluseuap", &[("diskpolicy", kind)])],
            datasources: vec![datasource(&disk, "centraluseuap")],
            grants: vec![grant(&disk)],
            ..World::default()
        },
    );
    player.protect(0);
    let last = player.interactions.len() - 1;
    player.play(0..=last);
}

/// The mapping of a vault to a resource guard. Left out: the PUTs of the vault and of the guard itself, 0 to 3, which
/// the emulator does not have.
#[test]
fn a_vault_is_mapped_to_a_resource_guard_and_the_mapping_deleted() {
    let vault_id = format!(
        "{}/providers/Microsoft.DataProtection/backupVaults/clitest-dpp-muavault-deletable",
        group("clitest-dpp-resourceguard-000001")
    );
    let mut player = Player::new(
        "cli-resource-guard-mapping",
        World { vaults: vec![vault(&vault_id, "centraluseuap", &[])], ..World::default() },
    );
    player.play(4..=6);
}

/// The instance that Azure Service Operator recorded: the only one with Retry-After, with an unknown policy and with a
/// ProtectionError. Its polls are left out, since the recorder overwrote their ids and times.
#[test]
fn an_unknown_policy_is_refused_and_a_missing_prerequisite_shows_late_until_a_sync_repairs() {
    let group = group("asotest-rg-pbjouy");
    let kind = "Microsoft.ContainerService/managedClusters";
    let cluster = format!("{group}/providers/{kind}/asotest-mc-znnmxx");
    let vault_id = format!("{group}/providers/Microsoft.DataProtection/backupVaults/asotest-asotestbackupvault-fdjivx");
    let mut player = Player::new(
        "aso-backup-instance-protection-error-and-sync",
        World {
            vaults: vec![vault(&vault_id, "westus2", &[])],
            datasources: vec![datasource(&cluster, "westus2")],
            ..World::default()
        },
    );
    player.play(3..=3);
    let policies = vault(&vault_id, "westus2", &[("asotest-asotestbp-rkoold", kind)]).policies;
    player.run.engine.world_mut().vaults[0].policies = policies;
    // The recorded policyParameters come back with the service's defaults filled in, which is not emulated: so the
    // recorded answers are compared without them.
    for interaction in &mut player.interactions {
        for side in ["request", "response"] {
            let policy = interaction.pointer_mut(&format!("/{side}/body/properties/policyInfo"));
            if let Some(policy) = policy.and_then(Value::as_object_mut) {
                policy.remove("policyParameters");
            }
        }
    }
    player.play(5..=5);
    player.play(8..=8);

    player.run.wait_seconds(120);
    let recorded = player.interactions[41].clone();
    let instance = recorded["request"]["url"].as_str().unwrap().to_owned();
    let emulated = player.run.get(&instance).body_json();
    assert_eq!(emulated["properties"]["currentProtectionState"], "ProtectionError");
    assert_eq!(shape(&emulated), shape(&recorded["response"]["body"]));
    let properties = &emulated["properties"];
    assert_eq!(properties["protectionErrorDetails"], properties["protectionStatus"]["errorDetails"]);

    // The prerequisites are not in place: each sync fails with what the instance shows.
    for (recorded_sync, recorded_end) in [(21, 25), (28, 32), (35, 39)] {
        let status = player.sync(recorded_sync);
        player.run.wait_seconds(30);
        let failed = player.run.get(&status).body_json();
        let recorded = &player.interactions[recorded_end]["response"]["body"];
        assert_eq!(failed["status"], recorded["status"]);
        assert_eq!(shape(&failed["error"]), shape(&recorded["error"]));
        let shown = player.run.get(&instance).body_json();
        assert_eq!(shown["properties"]["currentProtectionState"], "ProtectionError");
        assert_eq!(failed["error"]["additionalInfo"][0]["info"], shown["properties"]["protectionErrorDetails"]);
    }
    // They are: the next one repairs.
    player.run.engine.world_mut().grant(grant(&cluster));
    let status = player.sync(56);
    player.run.wait_seconds(30);
    assert_eq!(player.run.get(&status).body_json()["status"], "Succeeded");
    player.play(59..=60);
    player.run.wait_seconds(120);
    player.play(63..=63);
}
