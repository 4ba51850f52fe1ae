//! The operator in the simulation: put together as `operator::run` does it, and started again when it dies.

use postgres_backup_operator::reconcile::{Context, Settings};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_emulator::Timing;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, ResourceExt};
use postgres_backup_operator::api::{FIELD_MANAGER, PostgresBackupGrant};
use postgres_backup_operator::azure::{ApiVersion, Cloud};
use postgres_backup_operator::cli::DEFAULT_SERVICE_ACCOUNT;
use postgres_backup_operator::controller::{self, Runtime};
use postgres_backup_operator::metrics::Metrics;
use postgres_backup_operator::reconcile::authorize::identities::Identities;
use postgres_backup_operator::reconcile::brake::BrakeLimit;
use postgres_backup_operator::server::Readiness;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::samples;
use crate::time::Time;
use crate::wire::Wire;

/// The default of `--concurrency`.
const CONCURRENCY: u16 = 16;

/// What the operator is told.
#[derive(Clone)]
pub struct Setup {
    pub api_version: ApiVersion,
    /// The only namespace that it looks at.
    pub namespace: Option<&'static str>,
    /// How long an operator that died is gone.
    pub downtime: Duration,
    /// How long Azure takes.
    pub timing: Timing,
    /// How many deletions the operator lets through.
    pub brake: BrakeLimit,
    /// The grants that exist at the beginning.
    pub grants: Vec<PostgresBackupGrant>,
}

impl Default for Setup {
    fn default() -> Self {
        let downtime = Duration::from_secs(2);
        let brake = BrakeLimit { deletions: 10, window: Duration::from_secs(10 * 60) };
        let grants = vec![samples::everything()];
        Self { api_version: ApiVersion::default(), namespace: None, downtime, timing: Timing::default(), brake, grants }
    }
}

/// Switches the operator off and on again.
#[derive(Clone)]
pub struct Power {
    wanted: watch::Sender<bool>,
    running: watch::Sender<bool>,
}

impl Power {
    /// On.
    pub fn on() -> Self {
        Self { wanted: watch::Sender::new(true), running: watch::Sender::new(false) }
    }

    /// Asks the operator to stop, as Kubernetes asks a pod, and waits until it has.
    pub async fn switch_off(&self) {
        self.wanted.send_replace(false);
        let _ = self.running.subscribe().wait_for(|running| !running).await;
    }

    pub fn switch_on(&self) {
        self.wanted.send_replace(true);
    }
}

/// The metrics of the operator that runs now.
#[derive(Clone, Default)]
pub struct Gauges(Arc<Mutex<Option<Arc<Metrics>>>>);

impl Gauges {
    /// The value of a metric, over all its labels.
    pub fn read(&self, name: &str) -> f64 {
        let metrics = self.0.lock().unwrap().clone().expect("the operator has run");
        let text = metrics.encode().unwrap();
        let values = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }
}

/// Everything around the operator.
pub struct Surroundings {
    pub kubernetes: ApiServer,
    pub azure: Azure,
    pub wire: Wire,
    pub time: Time,
    pub power: Power,
    pub gauges: Gauges,
}

impl Surroundings {
    /// Runs the operator, and starts it again when it dies: with an empty memory, as a new process has.
    pub async fn supervise(self, setup: Setup) {
        let mut wanted = self.power.wanted.subscribe();
        loop {
            let _ = wanted.wait_for(|on| *on).await;
            self.power.running.send_replace(true);
            let metrics = Metrics::new(CONCURRENCY);
            *self.gauges.0.lock().unwrap() = Some(Arc::clone(&metrics));
            let shutdown = CancellationToken::new();
            let ask_to_stop = async {
                let _ = wanted.wait_for(|on| !on).await;
                shutdown.cancel();
                std::future::pending::<()>().await;
            };
            let died = tokio::select! {
                biased;
                () = self.wire.crashed() => true,
                () = ask_to_stop => false,
                () = self.operate(&setup, Arc::clone(&metrics), shutdown.clone()) => false,
            };
            self.power.running.send_replace(false);
            self.expect_no_panics(&metrics);
            if died {
                tokio::time::sleep(setup.downtime).await;
            } else if !shutdown.is_cancelled() {
                self.wire.violation("the operator has stopped by itself");
                return;
            }
        }
    }

    /// One life of the operator.
    async fn operate(&self, setup: &Setup, metrics: Arc<Metrics>, shutdown: CancellationToken) {
        let client = self.kubernetes.client();
        let Ok(kube_system) = Api::<Namespace>::all(client.clone()).get("kube-system").await else { return };
        let settings = Settings {
            cluster_name: kube_system.uid().unwrap(),
            cloud: Cloud::public(),
            drift_interval: Duration::from_secs(10 * 60),
            deadline: Duration::from_secs(30 * 60),
            poll_interval: Duration::from_secs(15),
            brake: setup.brake,
            service_account: DEFAULT_SERVICE_ACCOUNT.to_owned(),
        };
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        let recorder = Recorder::new(client.clone(), reporter);
        let arm = self.azure.arm(&settings.cloud, metrics.clone());
        let identities = Identities::new(arm, setup.api_version, client.clone());
        let clock = self.time.clock();
        let context = Arc::new(Context::new(client, recorder, identities, settings, clock, metrics.clone()));
        let runtime = Runtime { context, metrics, readiness: Arc::new(Readiness::default()) };
        controller::run(runtime, setup.namespace, CONCURRENCY, shutdown).await;
    }

    /// A panic in a pass is caught there; here it fails the test.
    fn expect_no_panics(&self, metrics: &Metrics) {
        let text = metrics.encode().unwrap();
        let panics = text.lines().find(|line| line.starts_with("controller_runtime_reconcile_panics_total"));
        if !panics.is_some_and(|line| line.ends_with(" 0")) {
            self.wire.violation("a pass panicked");
        }
    }
}
