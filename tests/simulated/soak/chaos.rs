//! What happens to a world at random: people edit, strangers meddle, permissions and policies come and go, the network, the
//! API server and the operator fail.

use std::time::Duration;

use azure_emulator::{PutOnFailed, PutOnStopped, StopWhilePaused};
use fastrand::Rng;
use postgres_backup_operator::api::annotations;
use postgres_backup_operator::azure::ApiVersion;

use crate::world::{Setup, World};

/// The objects: three flexible servers and the database of a Single Server.
pub const NAMES: [&str; 4] = ["orders", "billing", "fleet-00", "empdb11"];

/// A policy that does not exist at the beginning.
pub const LATER: &str = "hourly";

const VERSIONS: [ApiVersion; 6] = [
    ApiVersion::V2026_03_01,
    ApiVersion::V2026_03_01,
    ApiVersion::V2025_07_01,
    ApiVersion::V2023_12_01,
    ApiVersion::V2022_01_01,
    ApiVersion::V2021_01_01,
];

/// A world that is disturbed, and everything that has happened to it.
pub struct Chaos {
    pub world: World,
    pub version: ApiVersion,
    pub(super) random: Rng,
    pub(super) revoked: Vec<&'static str>,
    pub(super) held: bool,
    story: Vec<String>,
}

impl Chaos {
    pub fn begin(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let version = VERSIONS[random.usize(..VERSIONS.len())];
        let downtime = Duration::from_secs(random.u64(1..600));
        let world = World::with(Setup { api_version: version, downtime, ..Setup::default() });
        // The jitter, too, differs from seed to seed.
        fastrand::seed(seed);
        world.azure.change(|azure| {
            let settings = &mut azure.settings;
            settings.put_on_stopped =
                [PutOnStopped::KeepsState, PutOnStopped::Configures, PutOnStopped::Refused][random.usize(..3)];
            settings.put_on_failed =
                [PutOnFailed::Configures, PutOnFailed::KeepsState, PutOnFailed::Refused][random.usize(..3)];
            settings.stop_while_paused = [StopWhilePaused::Accepted, StopWhilePaused::Refused][random.usize(..2)];
            settings.permission_delay_seconds = [0, 300][random.usize(..2)];
        });
        let story = vec![format!("seed {seed}, api-version {version}")];
        Self { world, version, random, revoked: Vec::new(), held: false, story }
    }

    /// Everything that has happened, for a failure.
    pub fn story(&self) -> String {
        self.story.join("\n")
    }

    /// Lets something happen, and time pass.
    pub async fn disturb(&mut self) {
        if self.held && self.random.bool() {
            self.hold_watches(false);
        }
        if !self.revoked.is_empty() && self.random.usize(..3) == 0 {
            self.permit();
        }
        match self.random.usize(..10) {
            0..=3 => self.person(),
            4..=6 => self.stranger(),
            7 => self.surroundings(),
            _ => self.network(),
        }
        // Often at once, sometimes while something is under way, sometimes after all has settled.
        let longest = [1, 100, 5_000, 60_000, 400_000, 1_200_000][self.random.usize(..6)];
        self.world.pass(Duration::from_millis(self.random.u64(..longest))).await;
    }

    /// Ends every disturbance. What was done to the backup instances stays done.
    pub fn end(&mut self) {
        self.tell("the end of the disturbances".to_owned());
        self.world.wire.calm();
        self.hold_watches(false);
        self.permit();
        for name in NAMES.into_iter().filter(|name| self.world.kubernetes.get(name).is_some()) {
            self.world.kubernetes.annotate(name, annotations::PAUSED, "false");
        }
    }

    pub(super) fn tell(&mut self, what: String) {
        let at = self.world.elapsed().as_secs_f64();
        self.story.push(format!("{at:>10.3} s  {what}"));
    }

    pub(super) fn hold_watches(&mut self, held: bool) {
        self.tell(format!("watches are held: {held}"));
        self.held = held;
        self.world.kubernetes.hold_watches(held);
        if !held {
            self.world.kubernetes.catch_up();
        }
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.random.usize(..choices.len())]
    }
}
