//! What people and Azure do, as data: so that every scenario can be disturbed in every way.

mod end;
mod table;

use std::fmt;
use std::time::Duration;

use postgres_backup_operator::api::v1alpha1::PostgresBackupSpec;
use postgres_backup_operator::api::{PostgresBackup, Reason};

pub use end::{Cost, End};
use table::SCENARIOS;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::world::{Setup, World};

const MINUTE: Duration = Duration::from_secs(60);

/// A change that is asked for, and everything that comes of it.
pub struct Scenario {
    pub name: &'static str,
    /// What has been done before, undisturbed.
    pub before: &'static [Deed],
    /// What is done then.
    pub then: &'static [Deed],
    /// Whether it is over after so few requests that every pair of them can be disturbed.
    pub size: Size,
}

/// How many requests it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Short,
    Long,
}

/// Something that is done or waited for.
#[derive(Clone, Copy)]
pub enum Deed {
    Create(fn() -> PostgresBackup),
    Edit(&'static str, fn(&mut PostgresBackupSpec)),
    Annotate(&'static str, &'static str, &'static str),
    Delete(&'static str),
    /// Until Azure protects the database as the object then says.
    Ready(&'static str),
    /// Until the object needs a person.
    Stalled(&'static str, Reason),
    /// Until the object is gone.
    Gone(&'static str),
    /// Minutes pass.
    Minutes(u64),
    /// Seconds pass.
    Seconds(u64),
    /// Somebody does something else in the cluster.
    Kubernetes(fn(&ApiServer)),
    /// Somebody does something in Azure.
    Azure(fn(&Azure)),
}

impl Deed {
    async fn act(self, world: &World) {
        match self {
            Self::Create(object) => world.kubernetes.create(&object()),
            Self::Edit(name, change) => world.kubernetes.edit(name, change),
            Self::Annotate(name, annotation, value) => world.kubernetes.annotate(name, annotation, value),
            Self::Delete(name) => world.kubernetes.delete(name),
            Self::Ready(name) => drop(world.ready(name).await),
            Self::Stalled(name, reason) => drop(world.stalled(name, reason).await),
            Self::Gone(name) => world.gone(name).await,
            Self::Minutes(minutes) => world.pass(Duration::from_secs(60 * minutes)).await,
            Self::Seconds(seconds) => world.pass(Duration::from_secs(seconds)).await,
            Self::Kubernetes(act) => act(&world.kubernetes),
            Self::Azure(act) => act(&world.azure),
        }
    }
}

/// The scenarios that are as wanted; with `SCENARIO` in the environment only those of them that have it in their names.
pub fn scenarios(wanted: impl Fn(&Scenario) -> bool) -> Vec<&'static Scenario> {
    let name = std::env::var("SCENARIO").unwrap_or_default();
    SCENARIOS.iter().filter(|scenario| wanted(scenario) && scenario.name.contains(&name)).collect()
}

impl Scenario {
    /// A world in which it can begin.
    pub async fn prepare(&self, setup: Setup) -> World {
        let world = World::with(setup);
        for deed in self.before {
            deed.act(&world).await;
        }
        world.pass(MINUTE).await;
        world
    }

    /// Lets it happen, up to where nothing is waited for any more.
    pub async fn run(&self, world: &World) {
        for deed in self.then {
            deed.act(world).await;
        }
    }

    /// Whatever the operator still has in mind comes to light.
    pub async fn settle(&self, world: &World) -> End {
        world.pass(20 * MINUTE).await;
        End::of(world)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
