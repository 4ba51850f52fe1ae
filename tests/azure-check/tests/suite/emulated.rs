//! An emulated Azure, and a run of the check against it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use azure_check::client::Client;
use azure_check::console::Console;
use azure_check::report::{Report, Verdict};
use azure_check::timer::Timer;
use azure_check::{Interrupt, Options, RunError, run};
use azure_emulator::{Emulator, EmulatorConfig, Engine, Kind, ResourceId, Settings, SoftDeleteState, TimeScale, World};
use clap::Parser;
use futures::future::BoxFuture;
use jiff::Timestamp;
use postgres_backup_operator::error_chain::one_line;
use tempfile::TempDir;

pub const VAULT: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/backup-rg/providers/Microsoft.DataProtection/backupVaults/team-vault";
pub const DATABASE: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/data-rg/providers/Microsoft.DBforPostgreSQL/flexibleServers/orders";

/// What the client signs in with.
pub const IDENTITY: [(&str, &str); 3] = [
    ("AZURE_TENANT_ID", "22222222-2222-4222-8222-222222222222"),
    ("AZURE_CLIENT_ID", "44444444-4444-4444-8444-444444444444"),
    ("AZURE_CLIENT_SECRET", "demo-client-secret"),
];

/// How fast Azure's time passes while the check waits; in between it does not hurry.
const JUMP: f64 = 1_000_000.0;

/// A pause after a 429, which the operator's client counts by the clock of this machine. Waits for Azure are longer.
const COUNTED_BY_THE_CLIENT: Duration = Duration::from_secs(1);

pub struct Azure {
    pub emulator: Emulator,
    directory: TempDir,
}

impl Azure {
    /// The world of the demonstration, at Azure's own pace.
    pub async fn start() -> Self {
        Self::start_at(TimeScale::REAL).await
    }

    pub async fn start_at(time_scale: TimeScale) -> Self {
        let world = World::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../emulator/worlds/demo.json")).unwrap();
        let emulator =
            Emulator::start(EmulatorConfig { world, time_scale, ..EmulatorConfig::default() }).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), emulator.ca_pem()).unwrap();
        Self { emulator, directory }
    }

    pub fn engine(&self) -> EngineGuard {
        EngineGuard(self.emulator.engine())
    }

    pub fn set(&self, settings: Settings) {
        self.engine().lock().world_mut().settings = settings;
    }

    pub fn set_soft_delete(&self, state: SoftDeleteState) {
        let engine = self.engine();
        let mut engine = engine.lock();
        let vault = engine.world_mut().vaults.iter_mut().find(|vault| vault.id == id(VAULT)).unwrap();
        vault.soft_delete.state = state;
    }

    /// The command line that finds this Azure, with more arguments.
    pub fn command_line(&self, more: &[&str]) -> Vec<String> {
        let url = self.emulator.base_url();
        let ca: PathBuf = self.directory.path().join("ca.pem");
        let own = [
            ("--database", DATABASE),
            ("--vault", VAULT),
            ("--policy", "weekly"),
            ("--cloud", "public"),
            ("--arm-endpoint", url),
            ("--arm-audience", "https://management.azure.com/"),
            ("--authority-host", url),
            ("--credential", "client-secret"),
            ("--ca-bundle", ca.to_str().unwrap()),
        ];
        // The caller's argument wins, so that the environment of whoever runs the tests never does.
        let given = |name: &str| more.contains(&name);
        let own = own.into_iter().filter(|(name, _)| !given(name)).flat_map(|(name, value)| [name, value]);
        let version = (!given("--api-version")).then_some(["--api-version", "2026-03-01"]).into_iter().flatten();
        ["azure-check"].into_iter().chain(own).chain(version).chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Runs the check.
    pub async fn check(&self, more: &[&str]) -> Run {
        self.check_with(more, Interrupt::default(), None).await
    }

    /// Runs the check, which is interrupted when it waits for the n-th time.
    pub async fn check_with(&self, more: &[&str], interrupt: Interrupt, interrupted_at: Option<usize>) -> Run {
        let options = Options::try_parse_from(self.command_line(more)).unwrap();
        let env =
            |name: &str| IDENTITY.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let permit = match options.subject() {
            Ok(subject) => subject.permit(),
            Err(error) => return Run { result: Err(error.into()), output: String::new(), progress: String::new() },
        };
        let client = Client::new(&options.azure, permit, env).unwrap();
        let waits = interrupted_at.map(|at| (at, interrupt.clone()));
        let timer = Arc::new(Jumps { engine: self.emulator.engine(), waits: Mutex::new((0, waits)) });
        let mut console = Paper::default();
        let result = run(&options, client, timer, &mut console, interrupt).await;
        Run { result, output: console.result.join("\n"), progress: console.progress.join("\n") }
    }

    /// The names of the instances there are, and of the soft-deleted ones.
    pub fn left(&self) -> (Vec<String>, Vec<String>) {
        let engine = self.engine();
        let mut engine = engine.lock();
        engine.advance(Timestamp::now());
        let instances = engine.instances().map(|instance| instance.name().to_owned()).collect();
        (instances, engine.tombstones().map(|tombstone| tombstone.instance.name().to_owned()).collect())
    }

    /// How many requests Azure got that could have changed something.
    pub fn writes(&self) -> usize {
        let reads = [Kind::ValidateForBackup, Kind::ValidateForModify, Kind::Token];
        let engine = self.engine();
        let engine = engine.lock();
        engine.journal().iter().filter(|entry| entry.method != "GET" && !reads.contains(&entry.kind)).count()
    }
}

/// Shared ownership of the engine while it is locked.
pub struct EngineGuard(Arc<Mutex<Engine>>);

impl EngineGuard {
    pub fn lock(&self) -> MutexGuard<'_, Engine> {
        self.0.lock().unwrap()
    }
}

pub fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

/// Lets Azure's time pass at once whenever the check waits, and only then.
struct Jumps {
    engine: Arc<Mutex<Engine>>,
    waits: Mutex<(usize, Option<(usize, Interrupt)>)>,
}

impl Timer for Jumps {
    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        {
            let mut waits = self.waits.lock().unwrap();
            waits.0 += 1;
            if let (count, Some((at, interrupt))) = &*waits
                && count == at
            {
                interrupt.stop.cancel();
            }
        }
        Box::pin(async move {
            if time <= COUNTED_BY_THE_CLIENT {
                return tokio::time::sleep(time).await;
            }
            let mut engine = self.engine.lock().unwrap();
            let now = Timestamp::now();
            engine.set_time_scale(now, TimeScale::new(JUMP).unwrap());
            // The jump ends a few microseconds ahead of our clock; until then Azure's stands still.
            engine.set_time_scale(now + time.div_f64(JUMP), TimeScale::REAL);
        })
    }
}

/// Keeps what was written, and agrees to nothing.
#[derive(Default)]
struct Paper {
    result: Vec<String>,
    progress: Vec<String>,
}

impl Console for Paper {
    fn print(&mut self, line: &str) {
        self.result.push(line.to_owned());
    }

    fn progress(&mut self, line: &str) {
        self.progress.push(line.to_owned());
    }

    fn confirm(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }
}

/// What came of a run.
pub struct Run {
    pub result: Result<Report, RunError>,
    pub output: String,
    pub progress: String,
}

impl Run {
    pub fn report(&self) -> &Report {
        self.result.as_ref().unwrap_or_else(|error| panic!("{}\n{}", one_line(error), self.progress))
    }

    /// The assumptions with such a verdict.
    pub fn with(&self, verdict: fn(&Verdict) -> bool) -> BTreeSet<&'static str> {
        let verdicts = self.report().verdicts.iter();
        verdicts.filter(|(_, found)| verdict(found)).map(|(assumption, _)| assumption.id).collect()
    }

    pub fn as_assumed(&self) -> BTreeSet<&'static str> {
        self.with(|verdict| matches!(verdict, Verdict::AsAssumed(_)))
    }

    pub fn different(&self) -> BTreeSet<&'static str> {
        self.with(|verdict| matches!(verdict, Verdict::Differs(_)))
    }

    pub fn left_out(&self) -> BTreeSet<&'static str> {
        self.with(|verdict| matches!(verdict, Verdict::LeftOut(_)))
    }

    pub fn prevented(&self) -> BTreeSet<&'static str> {
        self.with(|verdict| matches!(verdict, Verdict::Prevented(_)))
    }
}
