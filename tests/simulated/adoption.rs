//! Adopting a backup instance that somebody has made in the portal, under a name of their own.

use std::num::NonZeroUsize;
use std::time::Duration;

use azure_emulator::Vault;
use postgres_backup_operator::api::{PostgresBackup, Reason};
use serde_json::{Value, json};

use crate::api_server::{CLUSTER_UID, NAMESPACE};
use crate::azure::{VAULT, id, server_id};
use crate::samples;
use crate::wire::{Call, Reply};
use crate::world::{World, message, status};

const HOUR: Duration = Duration::from_secs(3600);

/// The name that somebody has chosen.
const THEIRS: &str = "protected-by-hand";

const LINE: &str = "spec.backupInstanceName: protected-by-hand";

/// Protects a server in the portal.
fn protect(world: &World, vault: &str, name: &str, server: &str) {
    let (instance, server) = (id(&format!("{vault}/backupInstances/{name}")), id(&server_id(server)));
    world.azure.in_portal(|azure| {
        let instance = azure.create_in_portal(&instance, &server, "daily").unwrap();
        instance.spec.friendly_name = Some("Orders, EU".to_owned());
        instance.tags.insert("costCenter".to_owned(), "4711".to_owned());
        instance.spec.policy.policy_parameters = Some(json!({ "backupDatasourceParametersList": [] }));
    });
}

/// Somebody protects `orders`, and then an object is made for it.
fn occupied() -> World {
    let world = World::start();
    protect(&world, VAULT, THEIRS, "orders");
    world.kubernetes.create(&samples::flexible("orders"));
    world
}

fn adopt(world: &World) {
    world.kubernetes.edit("orders", |spec| spec.backup_instance_name = Some(THEIRS.to_owned()));
}

fn actions(object: &PostgresBackup) -> String {
    status(object).issues[0].recommended_actions.join("\n")
}

#[tokio::test(start_paused = true)]
async fn status_names_the_instance_and_the_line_that_adopts_it() {
    let world = occupied();
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    let issue = &status(&object).issues[0];
    assert_eq!(issue.code, "UserErrorDppDatasourceAlreadyProtected");
    // Azure's own words name the friendly name, which adopts nothing.
    assert!(issue.recommended_actions[0].contains("Orders, EU"), "{issue:?}");
    for text in [message(&object), actions(&object)] {
        assert!(text.contains(LINE), "{text}");
    }
    let writes = world.kubernetes.history("orders").len();
    world.pass(24 * HOUR).await;
    assert_eq!(world.kubernetes.history("orders").len(), writes, "it flips\n{}", world.wire);
    assert_eq!(world.wire.of(Call::Put).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn that_line_adopts_it_with_one_put_and_keeps_what_others_have_set() {
    let world = occupied();
    world.stalled("orders", Reason::AlreadyProtected).await;
    adopt(&world);
    world.ready("orders").await;
    world.pass(HOUR).await;

    let instance = world.azure.instance();
    assert_eq!(instance.name(), THEIRS);
    assert_eq!(instance.friendly_name(), "Orders, EU");
    assert_eq!(instance.tags["costCenter"], "4711");
    assert_eq!(instance.tags["pgbackup-owner"], format!("{CLUSTER_UID}/{NAMESPACE}/orders"));
    assert!(instance.spec.policy.policy_parameters.is_some());
    assert!(instance.spec.policy.policy_id.to_string().ends_with("/weekly"));
    let changes = |call: Call| call.writes_azure() && !matches!(call, Call::Validate | Call::ValidateChange);
    assert_eq!(world.wire.count(changes), 1, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_names_it_from_the_beginning_never_asks_to_create_it() {
    let world = World::start();
    protect(&world, VAULT, THEIRS, "orders");
    let mut object = samples::flexible("orders");
    object.spec.backup_instance_name = Some("PROTECTED-by-hand".to_owned());
    world.kubernetes.create(&object);
    world.ready("orders").await;
    world.pass(HOUR).await;
    assert_eq!((world.wire.of(Call::Validate).len(), world.wire.of(Call::Put).len()), (0, 1), "{}", world.wire);
    assert_eq!(world.azure.instance().name(), THEIRS);
}

#[tokio::test(start_paused = true)]
async fn an_adopted_instance_is_deleted_with_its_object() {
    let world = occupied();
    adopt(&world);
    world.ready("orders").await;
    world.kubernetes.delete("orders");
    world.gone("orders").await;
    assert_eq!((world.azure.instances().len(), world.azure.tombstones()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn it_is_found_on_the_third_page_of_the_vaults_list() {
    let world = World::start();
    world.azure.change(|azure| azure.settings.page_size = NonZeroUsize::new(2));
    for number in 0..5 {
        protect(&world, VAULT, &format!("a-{number}"), &format!("fleet-0{number}"));
    }
    protect(&world, VAULT, THEIRS, "orders");
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains(LINE), "{}", message(&object));
    assert_eq!(world.wire.of(Call::ListInstances).len(), 3, "{}", world.wire);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_only_makes_the_message_shorter() {
    let odd = |body: Value| Reply::ok(body);
    for answer in [
        Reply::error(500, "InternalServerError"),
        Reply::error(403, "AuthorizationFailed"),
        Reply::error(404, "ResourceNotFound"),
        odd(json!({})),
        odd(json!({ "value": [{ "name": 7 }, null, "x"] })),
        odd(json!({ "value": [], "nextLink": "https://evil.example/backupInstances" })),
    ] {
        let world = World::start();
        world.wire.disturb_all(Call::ListInstances, answer);
        protect(&world, VAULT, THEIRS, "orders");
        world.kubernetes.create(&samples::flexible("orders"));
        let object = world.stalled("orders", Reason::AlreadyProtected).await;
        assert!(message(&object).contains("already protected"), "{}", message(&object));
        assert!(!message(&object).contains("backupInstanceName"), "{}", message(&object));
        // Once it can be read, the message is complete.
        world.wire.calm();
        let complete = |object: &PostgresBackup| message(object).contains(LINE);
        world.until("orders", "explained", complete).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_in_another_vault_is_told_of_in_azures_words_only() {
    let world = World::start();
    let other = VAULT.replace("team-vault", "other-vault");
    world.azure.change(|azure| {
        let vault = azure.vaults[0].clone();
        azure.put_vault(Vault { id: id(&other), ..vault });
    });
    protect(&world, &other, THEIRS, "orders");
    world.kubernetes.create(&samples::flexible("orders"));
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains("other-vault") && !message(&object).contains("adopt"), "{}", message(&object));
    assert_eq!(status(&object).issues[0].recommended_actions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_has_a_name_already_is_told_to_be_made_anew() {
    let world = World::start();
    protect(&world, VAULT, THEIRS, "orders");
    let mut object = samples::flexible("orders");
    object.spec.backup_instance_name = Some("of-my-own".to_owned());
    world.kubernetes.create(&object);
    let object = world.stalled("orders", Reason::AlreadyProtected).await;
    assert!(message(&object).contains(LINE) && message(&object).contains("create it again"), "{}", message(&object));
}
