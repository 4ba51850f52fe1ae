//! The operator in the simulation: put together as `operator::run` does it, and started again when it dies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_emulator::Timing;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Api, ResourceExt};
use postgres_backup_operator::api::{FIELD_MANAGER, PostgresBackupGrant};
use postgres_backup_operator::azure::{ApiVersion, Cloud};
use postgres_backup_operator::cli::DEFAULT_SERVICE_ACCOUNT;
use postgres_backup_operator::controller::{self, Runtime, Scope};
use postgres_backup_operator::leader::{self, Candidacy, Elector, Fence, LeaseLost};
use postgres_backup_operator::metrics::Metrics;
use postgres_backup_operator::reconcile::authorize::identities::Identities;
use postgres_backup_operator::reconcile::brake::BrakeLimit;
use postgres_backup_operator::reconcile::{Clock, Context, Settings};
use postgres_backup_operator::server::Readiness;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::time::Time;
use crate::wire::Wire;
use crate::{samples, secrets};

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
    /// Whether an operator that is alone may act.
    pub fence: Fence,
}

impl Default for Setup {
    fn default() -> Self {
        let downtime = Duration::from_secs(2);
        let brake = BrakeLimit { deletions: 10, window: Duration::from_secs(10 * 60) };
        let grants = vec![samples::everything()];
        let (api_version, timing, fence) = (ApiVersion::default(), Timing::default(), Fence::open());
        Self { api_version, namespace: None, downtime, timing, brake, grants, fence }
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

    /// A panic in a pass is caught there; here it fails the test, unless the test has brought it about.
    pub fn review(&self, wire: &Wire) {
        let Some(metrics) = self.0.lock().unwrap().clone() else { return };
        secrets::overhear(&metrics.encode().unwrap());
        if wire.panics() == 0 && self.read("controller_runtime_reconcile_panics_total") > 0.0 {
            wire.violation("a pass panicked");
        }
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
    /// With what the operator stands for election; `None` if it is alone.
    pub election: Option<Election>,
}

/// With what a replica stands for election.
#[derive(Clone)]
pub struct Election {
    /// The name of its pod.
    pub pod: &'static str,
    /// How far its clock is ahead of the others'.
    pub skew: SignedDuration,
    /// Why its processes have ended by themselves, one after the other.
    pub losses: Arc<Mutex<Vec<String>>>,
}

impl Election {
    fn elector(&self, surroundings: &Surroundings, fence: Fence, metrics: Arc<Metrics>) -> Elector {
        let candidacy = Candidacy {
            namespace: "postgres-backup-operator".to_owned(),
            lease: "postgres-backup-operator".to_owned(),
            identity: format!("{}_{}", self.pod, surroundings.time.elapsed().as_millis()),
            timing: leader::Timing::default(),
        };
        let clock = Clock::following_tokio(surroundings.time.now() + self.skew);
        Elector::new(surroundings.kubernetes.client(), candidacy, clock, fence, metrics)
    }
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
                ended = self.operate(&setup, Arc::clone(&metrics), shutdown.clone()) => match (ended, &self.election) {
                    (Err(lost), Some(election)) => {
                        election.losses.lock().unwrap().push(lost.to_string());
                        true
                    }
                    _ => false,
                },
            };
            self.power.running.send_replace(false);
            self.gauges.review(&self.wire);
            if died {
                tokio::time::sleep(setup.downtime).await;
            } else if !shutdown.is_cancelled() {
                self.wire.violation("the operator has stopped by itself");
                return;
            }
        }
    }

    /// One life of the operator.
    async fn operate(
        &self,
        setup: &Setup,
        metrics: Arc<Metrics>,
        shutdown: CancellationToken,
    ) -> Result<(), LeaseLost> {
        let client = self.kubernetes.client();
        // Without it the process ends, and its pod is started again.
        let Ok(kube_system) = Api::<Namespace>::all(client.clone()).get("kube-system").await else {
            return self.wire.die().await;
        };
        let fence = self.election.as_ref().map_or_else(|| setup.fence.clone(), |_| Fence::closed());
        let elector = self.election.as_ref().map(|election| election.elector(self, fence.clone(), metrics.clone()));
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
        let arm = self.azure.arm(&settings.cloud, metrics.clone(), Arc::new(fence.clone()));
        let identities = Identities::new(arm, setup.api_version, client.clone());
        let clock = self.time.clock();
        let context = Arc::new(Context::new(client, recorder, identities, settings, clock, metrics.clone()));
        let runtime = Runtime { context, metrics, readiness: Arc::new(Readiness::default()), fence };
        let namespaces: Vec<_> = setup.namespace.into_iter().map(str::to_owned).collect();
        let scope = Scope::of(&namespaces);
        let passes = controller::run(runtime, &scope, CONCURRENCY, shutdown);
        match elector {
            Some(elector) => elector.run(passes).await,
            None => {
                passes.await;
                Ok(())
            }
        }
    }
}
