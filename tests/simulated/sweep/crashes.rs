//! The operator dies at every request.

use std::time::Duration;

use super::{Disturbance, Effect, Share, sweep};
use crate::scenario::{Cost, Size, scenarios};
use crate::wire::{Call, Fault};
use crate::world::Setup;

/// A new process validates anew what was being validated, and says once more what it finds.
pub const BOUND: Cost = Cost { accepted: 0, changes: 1, questions: 3, writes: 3 };

fn deaths() -> Vec<Disturbance> {
    let death = |name, fault, befalls| Disturbance { name, effect: Effect::Once(fault), befalls, bound: BOUND };
    let late = |seconds| Fault::CrashUnderWay(Duration::from_secs(seconds));
    vec![
        death("death before it", Fault::CrashBefore, |_| true),
        death("death after it", Fault::CrashAfter, |_| true),
        death("death while it is under way for a second", late(1), |call| call.writes_azure() || call.writes_object()),
        death("death while it is under way for 4 minutes", late(240), Call::writes_azure),
    ]
}

#[test]
fn every_scenario_survives_the_death_of_the_operator_at_every_request() {
    sweep("crashes", &scenarios(|_| true), &Setup::default(), Share::All, &deaths());
}

#[test]
fn every_short_scenario_survives_an_operator_that_is_gone_for_long() {
    let setup = Setup { downtime: Duration::from_secs(17 * 60), ..Setup::default() };
    let short = scenarios(|scenario| scenario.size == Size::Short);
    sweep("crashes, gone for 17 minutes", &short, &setup, Share::All, &deaths()[1..2]);
}
