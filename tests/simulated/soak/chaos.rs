//! What happens to a world at random: people edit, strangers meddle, permissions and policies come and go, the network and
//! the operator fail.

use std::time::Duration;

use azure_emulator::{Instance, PutOnFailed, PutOnStopped, Removal, StopWhilePaused};
use fastrand::Rng;
use http::Method;
use postgres_backup_operator::api::{DeletionPolicy, Mode, PostgresBackup, Protection, annotations};
use postgres_backup_operator::azure::ApiVersion;
use serde_json::{Value, json};

use super::judge::instance_name;
use crate::azure::{KEY_VAULT, SERVERS, VAULT, id};
use crate::samples;
use crate::wire::{Call, Fault, Reply};
use crate::world::{Setup, World};

/// The objects: three flexible servers and the database of a Single Server.
pub const NAMES: [&str; 4] = ["orders", "billing", "fleet-00", "empdb11"];

/// A policy that does not exist at the beginning.
const LATER: &str = "hourly";

const SCOPES: [&str; 2] = [SERVERS, KEY_VAULT];

const VERSIONS: [ApiVersion; 6] = [
    ApiVersion::V2026_03_01,
    ApiVersion::V2026_03_01,
    ApiVersion::V2025_07_01,
    ApiVersion::V2023_12_01,
    ApiVersion::V2022_01_01,
    ApiVersion::V2021_01_01,
];

const STATES: [&str; 12] = [
    "ProtectionConfigured",
    "ProtectionError",
    "ProtectionError",
    "ConfiguringProtectionFailed",
    "NotProtected",
    "Invalid",
    "ProtectionStopped",
    "BackupsSuspended",
    "BackupSchedulesSuspended",
    "RetentionSchedulesSuspended",
    "SoftDeleted",
    "SomethingNew",
];

/// A world that is disturbed, and everything that has happened to it.
pub struct Chaos {
    pub world: World,
    pub version: ApiVersion,
    random: Rng,
    revoked: Vec<&'static str>,
    held: bool,
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

    fn tell(&mut self, what: String) {
        let at = self.world.elapsed().as_secs_f64();
        self.story.push(format!("{at:>10.3} s  {what}"));
    }

    fn hold_watches(&mut self, held: bool) {
        self.tell(format!("watches are held: {held}"));
        self.held = held;
        self.world.kubernetes.hold_watches(held);
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.random.usize(..choices.len())]
    }

    fn person(&mut self) {
        let name = self.one_of(&NAMES);
        let Some(object) = self.world.kubernetes.get(name) else {
            self.tell(format!("a person creates {name}"));
            let object = if name == "empdb11" { samples::single(name) } else { samples::flexible(name) };
            let object = self.as_wished(object);
            return self.world.kubernetes.create(&object);
        };
        if object.metadata.deletion_timestamp.is_none() && self.random.usize(..8) == 0 {
            self.tell(format!("a person deletes {name}"));
            return self.world.kubernetes.delete(name);
        }
        if self.random.usize(..6) == 0 {
            let (annotation, value) = match self.random.usize(..4) {
                _ if annotations::is_paused(&object) => (annotations::PAUSED, "false".to_owned()),
                0 => (annotations::PAUSED, "true".to_owned()),
                1 => (annotations::ALLOW_IRREVERSIBLE_DELETE, instance_name(&object.spec)),
                _ => (annotations::RECONCILE_REQUESTED_AT, self.random.u64(..).to_string()),
            };
            self.tell(format!("a person annotates {name} with {annotation}={value}"));
            return self.world.kubernetes.annotate(name, annotation, &value);
        }
        let wished = self.as_wished(object).spec;
        self.tell(format!(
            "a person edits {name}: {} {:?} {} {:?}",
            wished.policy.name, wished.mode, wished.protection, wished.deletion_policy
        ));
        self.world.kubernetes.edit(name, |spec| *spec = wished);
    }

    /// The object with a field or two changed.
    fn as_wished(&mut self, mut object: PostgresBackup) -> PostgresBackup {
        let spec = &mut object.spec;
        match self.random.usize(..6) {
            0 | 1 => spec.policy.name = self.one_of(&["weekly", "daily", LATER]).to_owned(),
            2 | 3 => spec.protection = self.one_of(&[Protection::Active, Protection::Suspended, Protection::Stopped]),
            4 => {
                let policies = [DeletionPolicy::Delete, DeletionPolicy::StopProtection, DeletionPolicy::Retain];
                spec.deletion_policy = self.one_of(&policies);
            }
            _ => {
                spec.mode =
                    self.one_of(&[Mode::Enforce, Mode::Enforce, Mode::Enforce, Mode::Observe, Mode::ValidateOnly])
            }
        }
        object
    }

    fn stranger(&mut self) {
        let instances = self.world.azure.instances();
        if instances.is_empty() || self.random.usize(..10) == 0 {
            return self.make_in_portal();
        }
        let instance = instances[self.random.usize(..instances.len())].clone();
        let path = instance.id.to_string();
        let what = match self.random.usize(..8) {
            0 | 1 => {
                let action = self.one_of(&["stopProtection", "suspendBackups", "resumeProtection", "sync"]);
                let (answer, _) = self.world.azure.send(Method::POST, &format!("{path}/{action}"), &json!({}));
                format!("{action}: {answer}")
            }
            2 => format!("DELETE: {}", self.world.azure.send(Method::DELETE, &path, &Value::Null).0),
            3 => {
                let removal = self.one_of(&[Removal::Soft, Removal::Final]);
                self.world.azure.in_portal(|azure| azure.delete_in_portal(&instance.id, removal));
                format!("{removal:?} removal")
            }
            4 => {
                let state = self.one_of(&STATES);
                self.world
                    .azure
                    .in_portal(|azure| azure.instance_mut(&instance.id).unwrap().state = state.parse().unwrap());
                format!("state {state}")
            }
            _ => self.rewrite(&instance),
        };
        self.tell(format!("a stranger at {}: {what}", instance.name()));
    }

    /// Changes a backup instance with a PUT.
    fn rewrite(&mut self, instance: &Instance) -> String {
        let path = instance.id.to_string();
        let (_, mut body) = self.world.azure.send(Method::GET, &path, &Value::Null);
        let change = self.random.usize(..4);
        match change {
            0 | 1 => {
                let policy = self.one_of(&["weekly", "daily"]);
                body["properties"]["policyInfo"]["policyId"] = json!(format!("{VAULT}/backupPolicies/{policy}"));
            }
            2 => body["tags"] = json!({}),
            _ => body["tags"]["costCenter"] = json!("4711"),
        }
        format!("PUT {change}: {}", self.world.azure.send(Method::PUT, &path, &body).0)
    }

    /// Makes a backup instance of an object's name, or of another one for the same database.
    fn make_in_portal(&mut self) {
        let name = self.one_of(&NAMES);
        let object = if name == "empdb11" { samples::single(name) } else { samples::flexible(name) };
        let database = id(&object.spec.database.resource_id);
        if self.world.azure.instances().iter().any(|instance| instance.spec.datasource.resource_id == database) {
            return;
        }
        let instance = if self.random.usize(..4) > 0 { instance_name(&object.spec) } else { format!("by-hand-{name}") };
        self.tell(format!("a stranger protects {name} as {instance}"));
        let path = id(&format!("{VAULT}/backupInstances/{instance}"));
        self.world.azure.in_portal(|azure| azure.create_in_portal(&path, &database, "weekly").map(|_| ())).unwrap();
    }

    fn surroundings(&mut self) {
        let what = match self.random.usize(..6) {
            0 | 1 if !self.revoked.is_empty() => return self.permit(),
            0 | 1 => {
                let scope = self.one_of(&SCOPES);
                self.revoked.push(scope);
                self.world.azure.revoke(scope);
                format!("no permission on {scope}")
            }
            2 | 3 => {
                self.world.azure.create_policy(LATER);
                format!("the policy {LATER} exists")
            }
            4 => {
                self.world.azure.change(|azure| azure.vaults[0].policies.retain(|policy| policy.name != LATER));
                format!("the policy {LATER} is gone")
            }
            _ => {
                self.world.azure.revoke_tokens();
                "tokens are worthless".to_owned()
            }
        };
        self.tell(what);
    }

    /// Gives every permission back.
    fn permit(&mut self) {
        self.tell("all permissions are there".to_owned());
        self.revoked.drain(..).for_each(|scope| self.world.azure.grant(scope));
    }

    fn network(&mut self) {
        use Call::{
            ApplyStatus, Delete, GetInstance, PatchFinalizers, Poll, Put, Resume, Stop, Validate, ValidateChange,
        };

        if self.random.usize(..8) == 0 {
            return self.hold_watches(true);
        }
        let late = Duration::from_secs(self.random.u64(1..240));
        let calls = [
            GetInstance,
            GetInstance,
            GetInstance,
            ApplyStatus,
            ApplyStatus,
            PatchFinalizers,
            Poll,
            Poll,
            Put,
            Put,
            Put,
            Delete,
            Resume,
            Stop,
            Call::Suspend,
            Call::Undelete,
            Call::GetDeleted,
            Call::ListInstances,
            Validate,
            ValidateChange,
            Call::Sync,
        ];
        let call = self.one_of(&calls);
        let kubernetes = matches!(call, ApplyStatus | PatchFinalizers);
        let fault = match self.random.usize(..10) {
            0 => Fault::CrashBefore,
            1 | 2 => Fault::CrashAfter,
            3 => Fault::LoseAnswer,
            4 => Fault::LoseRequest,
            5 if kubernetes => Reply::error(409, "Conflict").into(),
            5 => Fault::ArriveLate(late),
            6 => Fault::Delay(late / 2),
            7 => Fault::Refuse,
            8 => Reply::error(500, "InternalServerError").into(),
            _ => Reply::error(429, "TooManyRequests").retry_after(late.as_secs()).into(),
        };
        let occurrence = self.random.usize(1..3);
        self.tell(format!("{fault:?} befalls {call:?} number {occurrence} from now"));
        self.world.wire.disturb(call, occurrence, fault);
    }
}
