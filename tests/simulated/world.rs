//! A simulated cluster with the operator in it and Azure outside of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use kube::ResourceExt;
use postgres_backup_operator::api::conditions::{self, ConditionType};
use postgres_backup_operator::api::{DeletionPolicy, PostgresBackup, PostgresBackupStatus, Reason};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::judge::{Judge, Tally};
pub use crate::operator::Setup;
use crate::operator::{Gauges, Power, Surroundings};
use crate::time::Time;
use crate::wire::{Call, Sent, Wire};
use crate::{samples, secrets};

/// Longer than anything takes in Azure.
const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// The simulation. When it ends, everything in it has kept to its contracts, or the test fails.
pub struct World {
    pub kubernetes: ApiServer,
    pub azure: Azure,
    pub wire: Wire,
    pub power: Power,
    pub gauges: Gauges,
    /// What the judge of this world has seen.
    pub tally: Arc<Mutex<Tally>>,
    time: Time,
    operators: Vec<JoinHandle<()>>,
}

impl World {
    /// Everything with its defaults, and the operator running.
    pub fn start() -> Self {
        Self::with(Setup::default())
    }

    /// Everything as in `setup`, and the operator running.
    pub fn with(setup: Setup) -> Self {
        let mut world = Self::without_operator(&setup);
        let surroundings = Surroundings {
            kubernetes: world.kubernetes.clone(),
            azure: world.azure.clone(),
            wire: world.wire.clone(),
            time: world.time,
            power: world.power.clone(),
            gauges: world.gauges.clone(),
            election: None,
        };
        world.run(surroundings, setup);
        world
    }

    /// Runs an operator, and starts it again when it dies.
    pub fn run(&mut self, surroundings: Surroundings, setup: Setup) {
        self.operators.push(tokio::spawn(surroundings.supervise(setup)));
    }

    /// Everything around the operator.
    pub fn without_operator(setup: &Setup) -> Self {
        secrets::listen();
        // Jitter is the same in every run.
        fastrand::seed(7);
        let time = Time::start();
        let wire = Wire::new(time);
        let kubernetes = ApiServer::new(wire.clone(), time);
        setup.grants.iter().for_each(|grant| kubernetes.grant(grant));
        let azure = Azure::new(wire.clone(), time, setup.timing.clone());
        let tally = Judge::sit(&kubernetes, &azure, &wire, setup.api_version);
        let (power, gauges) = (Power::on(), Gauges::default());
        Self { kubernetes, azure, wire, power, gauges, tally, time, operators: Vec::new() }
    }

    /// With a flexible server `orders` that is to be protected.
    pub fn creating() -> Self {
        let world = Self::start();
        world.kubernetes.create(&samples::flexible("orders"));
        world
    }

    /// The same, some time after the `occurrence`th request of a kind was sent.
    pub async fn creating_until(call: Call, occurrence: usize, later: Duration) -> Self {
        let world = Self::creating();
        world.sent(|sent| sent.call == call, occurrence).await;
        world.pass(later).await;
        world
    }

    /// With a flexible server `orders` that is protected.
    pub async fn protected() -> Self {
        let world = Self::creating();
        world.ready("orders").await;
        world.pass(Duration::from_secs(60)).await;
        world
    }

    /// Stops the operator as Kubernetes does, and starts it again.
    pub async fn restart(&self) {
        self.power.switch_off().await;
        self.power.switch_on();
        self.pass(Duration::from_secs(5)).await;
    }

    /// With an object that is where it should be.
    pub async fn settled(object: &PostgresBackup, setup: Setup) -> Self {
        let world = Self::with(setup);
        world.kubernetes.create(object);
        world.ready(&object.name_any()).await;
        world.pass(Duration::from_secs(60)).await;
        world
    }

    /// With a protected backup instance whose object is gone.
    pub async fn orphaned(object: &PostgresBackup) -> Self {
        let world = Self::settled(object, Setup::default()).await;
        let name = object.name_any();
        world.kubernetes.edit(&name, |spec| spec.deletion_policy = DeletionPolicy::Retain);
        world.ready(&name).await;
        world.kubernetes.delete(&name);
        world.gone(&name).await;
        world
    }

    /// With a soft-deleted backup instance, as it is left of an object that was deleted.
    pub async fn soft_deleted(object: &PostgresBackup) -> Self {
        let world = Self::settled(object, Setup::default()).await;
        let name = object.name_any();
        world.kubernetes.delete(&name);
        world.gone(&name).await;
        world.pass(Duration::from_secs(60)).await;
        world
    }

    /// Changes the backup instance as somebody else does, in the portal for instance, and waits until it is done.
    pub async fn meddle(&self, change: impl FnOnce(&mut Value)) {
        let path = self.azure.instance().id.to_string();
        let (_, mut body) = self.azure.send(Method::GET, &path, &Value::Null);
        change(&mut body);
        let (answer, _) = self.azure.send(Method::PUT, &path, &body);
        assert_eq!(answer, 201);
        self.pass(Duration::from_secs(3)).await;
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.check();
    }

    /// The time that everything here shares.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
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
        let enough = || self.wire.count_sent(&wanted) >= count;
        let mut activity = self.wire.activity();
        let search = async {
            while !enough() {
                let _ = activity.changed().await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, search).await;
        assert!(found.is_ok(), "fewer than {count} requests:\n{}", self.wire);
    }

    /// Waits until something is found, looking after every change in Kubernetes.
    pub async fn wait<T>(&self, find: impl Fn() -> Option<T>) -> Option<T> {
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
        let mut violations = self.wire.violations();
        violations.extend(secrets::leaks());
        assert!(violations.is_empty(), "{}\n{}", violations.join("\n"), self.wire);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.operators.iter().for_each(JoinHandle::abort);
        self.wire.calm();
        Judge::dismiss(&self.kubernetes, &self.wire);
        if !std::thread::panicking() {
            self.gauges.review(&self.wire);
            self.check();
        }
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
    reason_of(object, ConditionType::Ready)
}

/// The reason of a condition, if it is there.
pub fn reason_of(object: &PostgresBackup, type_: ConditionType) -> String {
    conditions::find(&status(object).conditions, type_).map(|condition| condition.reason.clone()).unwrap_or_default()
}

/// The message of Ready.
pub fn message(object: &PostgresBackup) -> String {
    conditions::find(&status(object).conditions, ConditionType::Ready)
        .map(|ready| ready.message.clone())
        .unwrap_or_default()
}

/// Whether Ready has this reason.
pub fn has_reason(object: &PostgresBackup, expected: Reason) -> bool {
    reason(object) == expected.as_str()
}

/// Whether status answers the specification as it now is.
pub fn answers(object: &PostgresBackup) -> bool {
    Some(status(object).observed_generation) == object.metadata.generation
}
