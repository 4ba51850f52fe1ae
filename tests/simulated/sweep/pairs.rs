//! The operator dies at every pair of requests of the short scenarios.

use super::{Disturbance, Effect, Share, crashes, sweep};
use crate::scenario::{Cost, Scenario, Size, scenarios};
use crate::wire::Fault;
use crate::world::Setup;

/// How many requests later the second death may come: a short scenario is over by then, those of starting up included.
const LONGEST: usize = 40;

const BOUND: Cost = Cost {
    changes: 2 * crashes::BOUND.changes,
    questions: 2 * crashes::BOUND.questions,
    writes: 2 * crashes::BOUND.writes,
    ..crashes::BOUND
};

fn sweep_pairs(scenarios: &[&'static Scenario], share: Share) {
    let pairs = (1..=LONGEST).map(|later| Disturbance {
        name: "death after it and again later",
        effect: Effect::Twice(Fault::CrashAfter, Fault::CrashAfter, later),
        befalls: |_| true,
        bound: BOUND,
    });
    sweep("pairs of crashes", scenarios, &Setup::default(), share, &pairs.collect::<Vec<_>>());
}

#[test]
fn a_create_survives_two_deaths_at_every_pair_of_requests() {
    sweep_pairs(&scenarios(|scenario| scenario.name == "create"), Share::All);
}

#[test]
fn every_short_scenario_survives_two_deaths() {
    sweep_pairs(&scenarios(|scenario| scenario.size == Size::Short), Share::OneIn(13));
}
