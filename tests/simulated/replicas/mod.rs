//! Two replicas in one cluster: one acts, the other takes over, and Azure never hears both.
//!
//! What holds in every test here is judged by what was sent: a request that could change Azure leaves a replica only within
//! its term, which ends [`RENEW_DEADLINE`] after it sent the last write of the Lease that the API server accepted.

mod election;
mod in_flight;
mod partition;
mod take_over;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;

use crate::operator::{Election, Gauges, Power, Surroundings};
use crate::samples;
use crate::wire::{Call, Fault, Sent, Wire};
use crate::world::{Setup, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// The defaults of the settings, as docs/reliability.md promises them.
const LEASE_DURATION: Duration = Duration::from_secs(15);
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// With its jitter, and a little for the way.
const LOOK: Duration = Duration::from_millis(2_500);

/// Two replicas in a world.
struct Replicas {
    world: World,
    a: Replica,
    b: Replica,
}

/// One of them.
struct Replica {
    pod: &'static str,
    wire: Wire,
    power: Power,
    gauges: Gauges,
    losses: Arc<Mutex<Vec<String>>>,
}

impl Replica {
    /// Why its processes have ended by themselves.
    fn losses(&self) -> Vec<String> {
        self.losses.lock().unwrap().clone()
    }

    /// Cuts it off from the Lease, but from nothing else.
    fn cut_off_from_lease(&self, fault: &Fault) {
        self.wire.disturb_all(Call::GetLease, fault.clone());
        self.wire.disturb_all(Call::WriteLease, fault.clone());
    }

    /// SIGKILL, and no new process.
    async fn die(&self) {
        self.wire.kill();
        self.power.switch_off().await;
    }

    /// What it sent to Azure that changes it, or could.
    fn writes(&self) -> Vec<Sent> {
        let is_write = |sent: &Sent| sent.replica == self.pod && sent.call.writes_azure();
        self.wire.sent().into_iter().filter(is_write).collect()
    }
}

impl Replicas {
    /// Both start at once, with clocks that are wrong by so much.
    fn start(setup: Setup, of_a: SignedDuration, of_b: SignedDuration) -> Self {
        let mut world = World::without_operator(&setup);
        let [a, b] = [("a", of_a), ("b", of_b)].map(|(pod, skew)| {
            let replica = Replica {
                pod,
                wire: world.wire.of_replica(pod),
                power: Power::on(),
                gauges: Gauges::default(),
                losses: Arc::default(),
            };
            let surroundings = Surroundings {
                kubernetes: world.kubernetes.on(replica.wire.clone()),
                azure: world.azure.on(replica.wire.clone()),
                wire: replica.wire.clone(),
                time: world.time(),
                power: replica.power.clone(),
                gauges: replica.gauges.clone(),
                election: Some(Election { pod, skew, losses: Arc::clone(&replica.losses) }),
            };
            world.run(surroundings, setup.clone());
            replica
        });
        Self { world, a, b }
    }

    /// One leads, and the other stands by.
    async fn settled() -> Self {
        Self::settled_with(Setup::default()).await
    }

    async fn settled_with(setup: Setup) -> Self {
        let replicas = Self::start(setup, SignedDuration::ZERO, SignedDuration::ZERO);
        replicas.world.pass(5 * SECOND).await;
        replicas
    }

    /// Who holds the Lease as the API server has it.
    fn holder(&self) -> Option<&Replica> {
        let holder = self.world.kubernetes.lease()?.spec?.holder_identity?;
        [&self.a, &self.b].into_iter().find(|replica| holder.starts_with(&format!("{}_", replica.pod)))
    }

    /// The replica that leads, and the one that stands by.
    fn roles(&self) -> (&Replica, &Replica) {
        match self.holder().expect("somebody leads").pod {
            "a" => (&self.a, &self.b),
            _ => (&self.b, &self.a),
        }
    }

    /// Waits until this replica leads; returns how long that took.
    async fn until_leads(&self, replica: &Replica) -> Duration {
        let begun = self.world.elapsed();
        let leads = || self.holder().filter(|holder| holder.pod == replica.pod).map(|_| ());
        let led = self.world.wait(leads).await;
        assert!(led.is_some(), "{} never leads\n{}", replica.pod, self.world.wire);
        self.world.elapsed() - begun
    }

    /// With a flexible server `orders` that is protected.
    async fn protected() -> Self {
        Self::protected_with(Setup::default()).await
    }

    async fn protected_with(setup: Setup) -> Self {
        let replicas = Self::settled_with(setup).await;
        replicas.world.kubernetes.create(&samples::flexible("orders"));
        replicas.world.ready("orders").await;
        replicas.world.pass(MINUTE).await;
        replicas
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut term_ends = [("a", Duration::ZERO), ("b", Duration::ZERO)];
        for sent in self.world.wire.sent() {
            let Some((_, end)) = term_ends.iter_mut().find(|(pod, _)| *pod == sent.replica) else { continue };
            let accepted = matches!(sent.answer, Some(200));
            match sent.call {
                // One that gives the Lease back names nobody.
                Call::WriteLease if accepted && sent.about.is_empty() => *end = sent.at,
                Call::WriteLease if accepted => *end = sent.at + RENEW_DEADLINE,
                call if call.writes_azure() => {
                    assert!(sent.at < *end, "a request after the end of the term: {sent}\n{}", self.world.wire);
                }
                _ => {}
            }
        }
    }
}
