//! A scenario disturbed at every request: it ends as if nothing had happened, and nothing is done twice.
//!
//! A run without faults tells how many requests there are, to Azure and to Kubernetes; then there is a world for each of
//! them and each disturbance.

mod crashes;
mod deleted;
mod pairs;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::api_server::ApiServer;
use crate::azure::Azure;
use crate::parallel;
use crate::scenario::{Cost, End, Scenario};
use crate::wire::{Call, Fault, Incident, Spell};
use crate::world::{Setup, World};

/// How long a trouble lasts that does not end by itself.
const HOUR: Duration = Duration::from_secs(3600);

/// Something that goes wrong at one request, or from it on.
#[derive(Clone)]
pub struct Disturbance {
    pub name: &'static str,
    pub effect: Effect,
    /// Which requests it can befall.
    pub befalls: fn(Call) -> bool,
    /// How much more may be written for it.
    pub bound: Cost,
}

/// What goes wrong.
#[derive(Clone)]
pub enum Effect {
    /// It befalls the request.
    Once(Fault),
    /// It befalls the request and, for a while, others.
    Spell(Fault, Spell),
    /// It befalls the request, and another one the request that is sent so many later.
    Twice(Fault, Fault, usize),
    /// Something else happens when the request is sent.
    Meanwhile(Meddling),
    /// The same, and a fault befalls the request that is sent so many later.
    MeanwhileAnd(Meddling, Fault, usize),
    /// It befalls the request, and another trouble all requests of a kind for an hour.
    Beside(Fault, Call, Fault),
}

/// What somebody does to the cluster or to Azure behind the operator's back.
pub type Meddling = fn(&ApiServer, &Azure);

/// How many of the worlds are tried. All of them are with `EVERY=1` in the environment, as `make soak` has it.
#[derive(Clone, Copy, Debug)]
pub enum Share {
    All,
    /// One in so many.
    OneIn(usize),
}

impl Share {
    fn step(self) -> usize {
        match self {
            Self::OneIn(step) if std::env::var_os("EVERY").is_none() => step,
            Self::All | Self::OneIn(_) => 1,
        }
    }
}

/// A world to be tried.
struct Plan<'a> {
    scenario: &'a Scenario,
    setup: Setup,
    calm: &'a Calm,
    disturbance: Disturbance,
    position: usize,
}

/// A run without disturbances.
pub struct Calm {
    pub calls: Vec<Call>,
    pub first: usize,
    pub end: End,
    pub cost: Cost,
}

impl Calm {
    async fn run(scenario: &Scenario, setup: Setup) -> Self {
        let world = scenario.prepare(setup).await;
        let first = world.wire.position();
        scenario.run(&world).await;
        let end = scenario.settle(&world).await;
        let sent = world.wire.since(first);
        // Up to the last write: what comes later are looks.
        let last = sent.iter().rposition(|sent| sent.call.writes_object()).unwrap_or_default();
        let calls = sent.iter().take(last + 1).map(|sent| sent.call).collect();
        Self { calls, first, end, cost: Cost::since(&world, first) }
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.calm.calls[self.position - self.calm.first];
        write!(f, "{}: {} at request {} ({call:?})", self.scenario, self.disturbance.name, self.position)
    }
}

/// Tries the scenarios with every disturbance at every request. Tells how many there were.
pub fn sweep(what: &str, scenarios: &[&'static Scenario], setup: &Setup, share: Share, disturbances: &[Disturbance]) {
    let calms = parallel::each(scenarios, async |scenario: &&Scenario| Calm::run(scenario, setup.clone()).await);
    let mut plans = Vec::new();
    for (scenario, calm) in scenarios.iter().zip(&calms) {
        for (index, call) in calm.calls.iter().enumerate() {
            let possible = disturbances.iter().filter(|disturbance| (disturbance.befalls)(*call));
            plans.extend(possible.map(|disturbance| Plan {
                scenario,
                setup: setup.clone(),
                calm,
                disturbance: disturbance.clone(),
                position: calm.first + index,
            }));
        }
    }
    let (all, step) = (plans.len(), share.step());
    let plans: Vec<_> = plans.into_iter().step_by(step).collect();
    let extra = parallel::each(&plans, async |plan: &Plan<'_>| plan.run().await);
    let worst = extra.into_iter().fold(Cost::default(), Cost::max);
    let places: usize = calms.iter().map(|calm| calm.calls.len()).sum();
    println!(
        "{what}: {} scenarios, {places} requests, {} disturbances, {} of {all} worlds; at most {worst:?} more",
        scenarios.len(),
        disturbances.len(),
        plans.len(),
    );
}

impl Plan<'_> {
    fn meanwhile(&self, world: &World, act: Meddling) {
        let (kubernetes, azure) = (world.kubernetes.clone(), world.azure.clone());
        let incident = Incident { what: self.disturbance.name, act: Arc::new(move || act(&kubernetes, &azure)) };
        world.wire.disturb_position(self.position, Fault::Meanwhile(incident));
    }

    /// Tries it. Returns how much more was written than undisturbed.
    async fn run(&self) -> Cost {
        let world = self.scenario.prepare(self.setup.clone()).await;
        assert_eq!(world.wire.position(), self.calm.first, "the world is not the same as undisturbed\n{}", world.wire);
        let wire = &world.wire;
        match &self.disturbance.effect {
            Effect::Once(fault) => wire.disturb_position(self.position, fault.clone()),
            Effect::Spell(fault, spell) => wire.disturb_from(self.position, *spell, fault.clone()),
            Effect::Twice(first, second, later) => {
                wire.disturb_position(self.position, first.clone());
                wire.disturb_position(self.position + later, second.clone());
            }
            Effect::Meanwhile(act) => self.meanwhile(&world, *act),
            Effect::MeanwhileAnd(act, fault, later) => {
                self.meanwhile(&world, *act);
                wire.disturb_position(self.position + later, fault.clone());
            }
            Effect::Beside(fault, call, other) => {
                wire.disturb_position(self.position, fault.clone());
                wire.disturb_for(*call, HOUR, other.clone());
            }
        }
        self.scenario.run(&world).await;
        let end = self.scenario.settle(&world).await;
        let extra = Cost::since(&world, self.calm.first).beyond(self.calm.cost);
        assert_eq!(end, self.calm.end, "it does not end as undisturbed\n{}", world.wire);
        assert!(extra.is_within(self.disturbance.bound), "{extra:?} more\n{}", world.wire);
        extra
    }
}
