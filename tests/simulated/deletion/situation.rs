//! How things stand when an object is deleted.

use std::time::Duration;

use azure_emulator::Instance;
use http::Method;
use postgres_backup_operator::api::{DeletionPolicy, Reason};
use serde_json::json;

use crate::azure::{SERVERS, id, server_id};
use crate::samples;
use crate::wire::Call::{Put, Validate};
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How things stand when the object is deleted.
#[derive(Clone, Copy, Debug)]
pub enum Situation {
    /// Azure shows the backup instance in this state.
    Shows(&'static str),
    /// Azure validates the request.
    Validating,
    /// The PUT that creates the backup instance is accepted.
    Creating,
    /// The PUT that changes it is accepted.
    Changing,
    /// Somebody else's stopProtection is under way.
    StrangerStops,
    /// Somebody else's DELETE is under way.
    StrangerDeletes,
    /// Somebody else has deleted it.
    StrangerHasDeleted,
    /// Nothing was ever created, because a permission is missing.
    NeverCreated,
    /// The vault is gone.
    VaultGone,
    /// The resource group is gone, with the vault in it.
    GroupGone,
    /// The owner tag is another's.
    OfAnother,
    /// The backup instance protects another database by now.
    OfAnotherDatabase,
}

impl Situation {
    /// A world in which the object `orders`, with this policy, is in the situation.
    pub async fn prepare(self, policy: DeletionPolicy) -> World {
        let world = World::start();
        let mut object = samples::flexible("orders");
        object.spec.deletion_policy = policy;
        if matches!(self, Self::NeverCreated) {
            world.azure.revoke(SERVERS);
        }
        world.kubernetes.create(&object);
        match self {
            Self::Validating => world.sent(|sent| sent.call == Validate && sent.answer.is_some(), 1).await,
            Self::Creating => world.sent(|sent| sent.call == Put && sent.answer.is_some(), 1).await,
            Self::NeverCreated => {
                world.reconciling("orders", Reason::MissingPermissions).await;
            }
            _ => {
                world.ready("orders").await;
                world.pass(MINUTE).await;
                self.befall(&world).await;
            }
        }
        world.pass(SECOND).await;
        world
    }

    /// Befalls a protected backup instance.
    async fn befall(self, world: &World) {
        let path = world.azure.instance().id;
        let as_stranger = |method, path: &str| {
            let (answer, _) = world.azure.send(method, path, &json!({}));
            assert_eq!(answer, 202);
        };
        match self {
            Self::Shows(state) => portal(world, |instance| instance.state = state.parse().unwrap()),
            Self::Changing => {
                world.kubernetes.edit("orders", |spec| spec.policy.name = "daily".to_owned());
                world.sent(|sent| sent.call == Put && sent.answer.is_some(), 2).await;
            }
            Self::StrangerStops => as_stranger(Method::POST, &format!("{path}/stopProtection")),
            Self::StrangerDeletes => as_stranger(Method::DELETE, &path.to_string()),
            Self::StrangerHasDeleted => {
                as_stranger(Method::DELETE, &path.to_string());
                world.pass(2 * MINUTE).await;
            }
            Self::VaultGone => world.azure.change(|azure| {
                azure.resource_groups.push(azure.vaults[0].id.resource_group());
                azure.vaults.clear();
            }),
            Self::GroupGone => world.azure.change(|azure| azure.vaults.clear()),
            Self::OfAnother => portal(world, |instance| {
                instance.tags.insert("pgbackup-owner".to_owned(), "another-cluster/shop/orders".to_owned());
            }),
            Self::OfAnotherDatabase => portal(world, |instance| {
                instance.spec.datasource.resource_id = id(&server_id("billing"));
            }),
            Self::Validating | Self::Creating | Self::NeverCreated => {}
        }
    }
}

/// Changes the one backup instance past the API.
fn portal(world: &World, change: impl FnOnce(&mut Instance)) {
    let path = world.azure.instance().id;
    world.azure.in_portal(|azure| change(azure.instance_mut(&path).unwrap()));
}
