//! A simulated cluster with the operator in it and Azure outside of it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, ResourceExt};
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{FIELD_MANAGER, PostgresBackup, PostgresBackupStatus, Reason};
use postgres_backup_operator::azure::{ApiVersion, Cloud};
use postgres_backup_operator::controller::{self, Runtime};
use postgres_backup_operator::metrics::Metrics;
use postgres_backup_operator::reconcile::memory::Memories;
use postgres_backup_operator::reconcile::observe::VaultCache;
use postgres_backup_operator::reconcile::{Context, Settings};
use postgres_backup_operator::server::Readiness;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::time::Time;
use crate::wire::{Sent, Wire};

/// How long an operator that died is gone.
const RESTART: Duration = Duration::from_secs(2);

/// Longer than anything takes in Azure.
const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// What the operator is told.
#[derive(Clone)]
pub struct Setup {
    pub api_version: ApiVersion,
    pub cloud: Cloud,
}

impl Default for Setup {
    fn default() -> Self {
        Self { api_version: ApiVersion::default(), cloud: Cloud::public() }
    }
}

/// The simulation. When it ends, everything in it has kept to its contracts, or the test fails.
pub struct World {
    pub kubernetes: ApiServer,
    pub azure: Azure,
    pub wire: Wire,
    time: Time,
    operator: JoinHandle<()>,
}

impl World {
    /// Everything with its defaults, and the operator running.
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// Everything as in `setup`, and the operator running.
    pub fn with(setup: Setup) -> Self {
        // Jitter is the same in every run.
        fastrand::seed(7);
        let time = Time::start();
        let wire = Wire::new(time);
        let kubernetes = ApiServer::new(wire.clone(), time);
        let azure = Azure::new(wire.clone(), time);
        let supervised = supervise(kubernetes.clone(), azure.clone(), wire.clone(), time, setup);
        Self { kubernetes, azure, wire, time, operator: tokio::spawn(supervised) }
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.check();
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    /// Waits until an object is as expected, and returns it as it is then.
    pub async fn until(&self, name: &str, what: &str, expected: impl Fn(&PostgresBackup) -> bool) -> PostgresBackup {
        let found = self.wait(|| self.kubernetes.get(name).filter(&expected)).await;
        found.unwrap_or_else(|| {
            let status =
                serde_json::to_string_pretty(&self.kubernetes.get(name).and_then(|object| object.status)).unwrap();
            panic!("{name} is not {what}, but {status}\n{}", self.wire)
        })
    }

    /// Waits until Azure protects the database as the object now says.
    pub async fn ready(&self, name: &str) -> PostgresBackup {
        self.until(name, "ready", |object| answers(object) && is(object, ConditionType::Ready)).await
    }

    /// Waits until the object needs somebody's help, for this reason.
    pub async fn stalled(&self, name: &str, reason: Reason) -> PostgresBackup {
        let what = format!("stalled for {reason}");
        self.until(name, &what, |object| is(object, ConditionType::Stalled) && has_reason(object, reason)).await
    }

    /// Waits until the object is worked on, for this reason.
    pub async fn reconciling(&self, name: &str, reason: Reason) -> PostgresBackup {
        let what = format!("reconciling for {reason}");
        self.until(name, &what, |object| is(object, ConditionType::Reconciling) && has_reason(object, reason)).await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, name: &str) {
        let found = self.wait(|| self.kubernetes.get(name).is_none().then_some(())).await;
        assert!(found.is_some(), "{name} is still there: {:#?}\n{}", self.kubernetes.get(name), self.wire);
    }

    /// Waits until so many requests of a kind were sent.
    pub async fn sent(&self, wanted: impl Fn(&Sent) -> bool, count: usize) {
        let enough = || self.wire.sent().iter().filter(|sent| wanted(sent)).count() >= count;
        let deadline = self.elapsed() + PATIENCE;
        while !enough() {
            assert!(self.elapsed() < deadline, "fewer than {count} requests:\n{}", self.wire);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until something is found, looking after every change in Kubernetes.
    async fn wait<T>(&self, find: impl Fn() -> Option<T>) -> Option<T> {
        let mut changes = self.kubernetes.changes();
        let search = async {
            loop {
                self.check();
                if let Some(found) = find() {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.ok()
    }

    fn check(&self) {
        let violations = self.wire.violations();
        assert!(violations.is_empty(), "{}\n{}", violations.join("\n"), self.wire);
        assert!(!self.operator.is_finished(), "the operator has stopped by itself\n{}", self.wire);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.operator.abort();
        if !std::thread::panicking() {
            self.check();
        }
    }
}

/// Runs the operator, and starts it again when it dies: with an empty memory, as a new process has.
async fn supervise(kubernetes: ApiServer, azure: Azure, wire: Wire, time: Time, setup: Setup) {
    loop {
        let metrics = Metrics::new(CONCURRENCY);
        let running = operate(&kubernetes, &azure, time, &setup, Arc::clone(&metrics));
        let died = tokio::select! {
            biased;
            () = wire.crashed() => true,
            () = running => false,
        };
        expect_no_panics(&metrics, &wire);
        if !died {
            return;
        }
        tokio::time::sleep(RESTART).await;
    }
}

/// The default of `--concurrency`.
const CONCURRENCY: u16 = 16;

/// The operator, put together as `operator::run` does.
async fn operate(kubernetes: &ApiServer, azure: &Azure, time: Time, setup: &Setup, metrics: Arc<Metrics>) {
    let client = kubernetes.client();
    let Ok(kube_system) = Api::<Namespace>::all(client.clone()).get("kube-system").await else { return };
    let settings = Settings {
        cluster_name: kube_system.uid().unwrap(),
        cloud: setup.cloud.clone(),
        drift_interval: Duration::from_secs(10 * 60),
        deadline: Duration::from_secs(30 * 60),
        poll_interval: Duration::from_secs(15),
    };
    let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), reporter),
        client,
        azure: azure.data_protection(&setup.cloud, setup.api_version, metrics.clone()),
        vaults: VaultCache::default(),
        memories: Memories::default(),
        settings,
        clock: time.clock(),
    });
    let runtime = Runtime { context, metrics, readiness: Arc::new(Readiness::default()) };
    controller::run(runtime, None, CONCURRENCY, CancellationToken::new()).await;
}

/// A panic in a pass is caught there; here it fails the test.
fn expect_no_panics(metrics: &Metrics, wire: &Wire) {
    let text = metrics.encode().unwrap();
    let panics = text.lines().find(|line| line.starts_with("controller_runtime_reconcile_panics_total"));
    if !panics.is_some_and(|line| line.ends_with(" 0")) {
        wire.violation("a pass panicked");
    }
}

/// The status, as far as there is one.
pub fn status(object: &PostgresBackup) -> PostgresBackupStatus {
    object.status.clone().unwrap_or_default()
}

/// Whether a condition is present and True.
pub fn is(object: &PostgresBackup, type_: ConditionType) -> bool {
    conditions::is_true(&status(object).conditions, type_)
}

/// The reason of Ready.
pub fn reason(object: &PostgresBackup) -> String {
    conditions::find(&status(object).conditions, ConditionType::Ready)
        .map(|ready| ready.reason.clone())
        .unwrap_or_default()
}

fn has_reason(object: &PostgresBackup, expected: Reason) -> bool {
    reason(object) == expected.as_str()
}

/// Whether status answers the specification as it now is.
pub fn answers(object: &PostgresBackup) -> bool {
    Some(status(object).observed_generation) == object.metadata.generation
}
