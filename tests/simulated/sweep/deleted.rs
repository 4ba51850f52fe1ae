//! The object is deleted while the operator is dead, or while a request is under way that may still take effect: nothing is
//! left that nobody owns.

use std::fmt;
use std::time::Duration;

use super::Calm;
use crate::parallel;
use crate::scenario::{Scenario, scenarios};
use crate::wire::Fault;
use crate::world::Setup;

const SCENARIOS: [&str; 4] = ["create", "change the policy", "resume", "undelete"];

const MINUTE: Duration = Duration::from_secs(60);

/// The operator is dead for so long, and the object is deleted meanwhile.
const DOWNTIME: Duration = Duration::from_secs(30);

struct Plan<'a> {
    scenario: &'a Scenario,
    position: usize,
    fault: Fault,
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} at request {}, and deleted", self.scenario, self.fault, self.position)
    }
}

impl Plan<'_> {
    async fn run(&self) {
        let world = self.scenario.prepare(setup()).await;
        world.wire.disturb_position(self.position, self.fault.clone());
        let happens = async {
            world.sent(|sent| sent.fault.is_some(), 1).await;
            world.pass(Duration::from_secs(5)).await;
        };
        // Whatever is asked for last before the fault, it is not waited for any longer.
        tokio::select! {
            () = happens => {}
            () = async { self.scenario.run(&world).await; std::future::pending().await } => {}
        }
        if world.kubernetes.get("orders").is_some() {
            world.kubernetes.delete("orders");
            world.gone("orders").await;
        }
        world.pass(20 * MINUTE).await;
        assert_eq!(world.azure.instances().len(), 0, "{}", world.wire);
    }
}

fn setup() -> Setup {
    Setup { downtime: DOWNTIME, ..Setup::default() }
}

#[test]
fn an_object_that_is_deleted_amid_a_fault_leaves_nothing() {
    let late = |seconds| Duration::from_secs(seconds);
    let scenarios = scenarios(|scenario| SCENARIOS.contains(&scenario.name));
    let calms = parallel::each(&scenarios, async |scenario: &&Scenario| Calm::run(scenario, setup()).await);
    let mut plans = Vec::new();
    for (scenario, calm) in scenarios.iter().zip(&calms) {
        for (index, call) in calm.calls.iter().enumerate() {
            let mut faults = vec![Fault::CrashBefore, Fault::CrashAfter];
            if call.writes_instance() {
                faults.extend([20, 100, 290].map(|seconds| Fault::ArriveLate(late(seconds))));
                faults.extend([20, 100, 290].map(|seconds| Fault::CrashUnderWay(late(seconds))));
            }
            let position = calm.first + index;
            plans.extend(faults.into_iter().map(|fault| Plan { scenario, position, fault }));
        }
    }
    parallel::each(&plans, async |plan: &Plan<'_>| plan.run().await);
    println!("deleted amid a fault: {} worlds", plans.len());
}
