//! Two replicas as real processes: whatever happens to the leader, the other one takes over, and Azure is not asked twice.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use azure_emulator::Kind;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::DeleteParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use test_support::{ControlPlane, OperatorOptions, OperatorProcess};

use crate::stage::{Stage, binary, flexible_server, install, install_manifest, single_server_database};

const LEASE: &str = "postgres-backup-operator";

/// Shorter than the defaults, and long enough for a machine that is busy with something else.
const BRISK: [&str; 3] =
    ["--leader-election-lease-duration=9s", "--leader-election-renew-deadline=6s", "--leader-election-retry-period=1s"];

/// Longer than a restart of the control plane.
const PATIENT: [&str; 3] = [
    "--leader-election-lease-duration=180s",
    "--leader-election-renew-deadline=120s",
    "--leader-election-retry-period=1s",
];

/// How long a change of the Lease may take on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two replicas, of which `a` leads.
struct Pair<'a> {
    stage: Stage<'a>,
    a: OperatorProcess,
    b: OperatorProcess,
    leases: Api<Lease>,
}

impl<'a> Pair<'a> {
    /// With a Lease in the namespace of the stage.
    async fn start(stage: Stage<'a>, times: &[&str]) -> Self {
        permit_lease(stage.control_plane, &stage.namespace).await;
        let namespace = stage.namespace.clone();
        Self::start_in(stage, &namespace, times).await
    }

    /// With a Lease in this namespace.
    async fn start_in(stage: Stage<'a>, namespace: &str, times: &[&str]) -> Self {
        let namespace_arg = format!("--leader-election-namespace={namespace}");
        let stage = stage.with_args(&["--leader-elect", &namespace_arg]).with_args(times);
        let client: Client = stage.control_plane.client().await.unwrap();
        let leases = Api::namespaced(client, namespace);
        let a = start(&stage, "a");
        until_held_by(&leases, "a").await;
        let b = start(&stage, "b");
        a.wait_ready().await.unwrap();
        // Who stands by is ready as well.
        b.wait_ready().await.unwrap();
        Self { stage, a, b, leases }
    }

    /// Waits until the other replica leads; returns how long that took.
    async fn until_b_leads(&self) -> Duration {
        let begun = Instant::now();
        until_held_by(&self.leases, "b").await;
        begun.elapsed()
    }

    fn writes(&self) -> [usize; 3] {
        [Kind::ValidateForBackup, Kind::PutInstance, Kind::DeleteInstance].map(|kind| self.stage.count(kind))
    }

    fn instances(&self) -> usize {
        self.stage.emulator.engine().lock().unwrap().instances().count()
    }
}

/// A replica in a pod of this name.
fn start(stage: &Stage<'_>, pod: &str) -> OperatorProcess {
    let mut options: OperatorOptions = stage.options.clone();
    options.env.push(("HOSTNAME".into(), pod.into()));
    OperatorProcess::start(&binary(), &options).unwrap()
}

async fn until_held_by(leases: &Api<Lease>, pod: &str) {
    let prefix = format!("{pod}_");
    let held = |lease: Option<&Lease>| holder(lease).is_some_and(|holder| holder.starts_with(&prefix));
    let held = tokio::time::timeout(PATIENCE, await_condition(leases.clone(), LEASE, held)).await;
    held.unwrap_or_else(|_| panic!("{pod} never leads")).unwrap();
}

fn holder(lease: Option<&Lease>) -> Option<&str> {
    lease?.spec.as_ref()?.holder_identity.as_deref()
}

/// The rights to the Lease that the operator ships with, in another namespace.
async fn permit_lease(control_plane: &ControlPlane, namespace: &str) {
    let manifest = install_manifest();
    let is_meant = |document: &&str| document.lines().any(|line| line == "kind: Role" || line == "kind: RoleBinding");
    let documents: Vec<&str> = manifest.split("\n---\n").filter(is_meant).collect();
    assert_eq!(documents.len(), 2);
    let own = "\n  namespace: postgres-backup-operator";
    let manifest = documents.join("\n---\n").replace(own, &format!("\n  namespace: {namespace}"));
    control_plane.apply(&manifest).await.unwrap();
}

/// Waits until a replica has ended by itself, as whoever lost the Lease does.
async fn expect_lost(replica: &OperatorProcess, why: &str) {
    let ended = tokio::time::timeout(PATIENCE, replica.process().exited()).await;
    let status: Option<ExitStatus> = ended.unwrap_or_else(|_| panic!("it runs on:\n{}", replica.log()));
    assert!(status.is_some_and(|status| status.code() == Some(1)), "{status:?}\n{}", replica.log());
    assert!(replica.log().contains(why), "{}", replica.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_stopped_hands_over_with_the_default_times() {
    let pair = Pair::start_in(Stage::new().await, "postgres-backup-operator", &[]).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_ready("orders", &pair.a).await;
    let status = pair.a.terminate().await.unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}", pair.a.log());
    let took = pair.until_b_leads().await;
    println!("take-over after a stop, default times: {took:.1?}");
    let lease = pair.leases.get(LEASE).await.unwrap().spec.unwrap();
    assert_eq!((lease.lease_duration_seconds, lease.lease_transitions), (Some(15), Some(1)));

    pair.stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    pair.stage.waiter("orders", &pair.b).until_gone().await.unwrap();
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 1], 0));
    pair.b.terminate().await.unwrap();
    assert_eq!(holder(pair.leases.get_opt(LEASE).await.unwrap().as_ref()), Some(""), "{}", pair.b.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_during_a_create_is_replaced_and_nothing_is_created_twice() {
    let pair = Pair::start(Stage::new().await, &[]).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_requested(Kind::PutInstance).await;
    pair.a.kill().await;
    let took = pair.until_b_leads().await;
    println!("take-over after SIGKILL during a create, default times: {took:.1?}");
    pair.stage.until_ready("orders", &pair.b).await;
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 0], 1), "{}", pair.b.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_during_a_delete_is_replaced_and_the_delete_is_not_lost() {
    let pair = Pair::start(Stage::new().await, &BRISK).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_ready("orders", &pair.a).await;
    pair.stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    pair.stage.until_requested(Kind::DeleteInstance).await;
    pair.a.kill().await;
    let took = pair.until_b_leads().await;
    println!("take-over after SIGKILL during a delete, lease duration 9 s: {took:.1?}");
    pair.stage.waiter("orders", &pair.b).until_gone().await.unwrap();
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 1], 0), "{}", pair.b.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_suspended_ends_when_it_goes_on_and_writes_nothing() {
    let pair = Pair::start(Stage::new().await, &BRISK).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_requested(Kind::PutInstance).await;
    pair.a.process().suspend();
    // It finds work when it goes on.
    pair.stage.create("archive", single_server_database()).await;
    let took = pair.until_b_leads().await;
    println!("take-over after SIGSTOP, lease duration 9 s: {took:.1?}");
    pair.stage.until_ready("orders", &pair.b).await;
    pair.a.process().resume();
    expect_lost(&pair.a, "could not be renewed for 6 s").await;
    pair.stage.until_ready("archive", &pair.b).await;
    assert_eq!((pair.writes(), pair.instances()), ([2, 2, 0], 2), "{}", pair.a.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_deleted_stays_with_its_holder() {
    let pair = Pair::start(Stage::new().await, &BRISK).await;
    let first = pair.leases.get(LEASE).await.unwrap();
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_requested(Kind::PutInstance).await;
    pair.leases.delete(LEASE, &DeleteParams::default()).await.unwrap();
    until_held_by(&pair.leases, "a").await;
    let second = pair.leases.get(LEASE).await.unwrap();
    assert_ne!(first.metadata.uid, second.metadata.uid);
    pair.stage.until_ready("orders", &pair.a).await;
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 0], 1));
    assert_eq!((pair.a.process().exit_status(), pair.b.process().exit_status()), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_of_the_control_plane_cost_nobody_anything() {
    let control_plane = ControlPlane::start().await.unwrap();
    install(&control_plane).await;
    let pair = Pair::start(Stage::on(&control_plane).await, &PATIENT).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_requested(Kind::PutInstance).await;
    control_plane.kill_api_server().await;
    control_plane.start_api_server().await.unwrap();
    pair.stage.until_ready("orders", &pair.a).await;
    pair.stage.api().delete("orders", &DeleteParams::default()).await.unwrap();
    pair.stage.until_requested(Kind::DeleteInstance).await;
    control_plane.restart_etcd().await.unwrap();
    pair.stage.waiter("orders", &pair.a).until_gone().await.unwrap();
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 1], 0), "{}", pair.a.log());
    assert_eq!((pair.a.process().exit_status(), pair.b.process().exit_status()), (None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_cannot_reach_the_api_server_ends_and_the_other_goes_on_when_it_is_back() {
    let control_plane = ControlPlane::start().await.unwrap();
    install(&control_plane).await;
    let pair = Pair::start(Stage::on(&control_plane).await, &BRISK).await;
    pair.stage.create("orders", flexible_server("orders")).await;
    pair.stage.until_requested(Kind::PutInstance).await;
    control_plane.kill_api_server().await;
    expect_lost(&pair.a, "could not be renewed for 6 s").await;
    assert_eq!(pair.b.process().exit_status(), None, "{}", pair.b.log());
    control_plane.start_api_server().await.unwrap();
    pair.until_b_leads().await;
    pair.stage.until_ready("orders", &pair.b).await;
    assert_eq!((pair.writes(), pair.instances()), ([1, 1, 0], 1), "{}", pair.b.log());
}
