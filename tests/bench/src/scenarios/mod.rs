//! What is measured, and under which conditions.

mod fleet;
mod permission;
mod slow_vault;

pub(crate) use permission::Permission;
pub(crate) use slow_vault::SlowVault;

use crate::error::BenchError;
use crate::fleet::{Access, Fleet};
use crate::options::{Kind, Limits, Options};
use crate::phases::Creation;
use crate::report::Run;
use crate::stage::Stage;
use crate::{ceiling, phases};

/// How long Azure takes at most to validate a request and to configure protection, as the emulator does it, in seconds of
/// Azure's time.
const VALIDATE_AND_CONFIGURE_S: f64 = 41.0 + 70.0;

/// How long the operations of the scenario `limits` take, in seconds.
const LIMITS_OPERATION_S: u64 = 5;

/// The conditions of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    pub(crate) fleet: Fleet,
    pub(crate) time_scale: f64,
    pub(crate) operation_seconds: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) access: Access,
}

/// A measurement, and how often it is made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) setup: Setup,
    pub(crate) repeats: usize,
}

/// All that the options ask for.
pub(crate) fn plans(options: &Options) -> Vec<Plan> {
    let plan = |kind, objects: usize| {
        let fleet = Fleet { objects, vaults: options.vaults.get().min(objects) };
        let access = if kind == Kind::Permission { Access::Withheld } else { Access::Granted };
        let (time_scale, operation_seconds, limits) = match kind {
            Kind::Limits => (1.0, Some(options.operation_seconds.unwrap_or(LIMITS_OPERATION_S)), Limits::Arm),
            Kind::Fleet | Kind::Permission | Kind::SlowVault => {
                (options.time_scale, options.operation_seconds, options.limits)
            }
        };
        let repeated = kind == Kind::Fleet && objects <= options.repeat_up_to;
        let repeats = if repeated { options.repeats.get() } else { 1 };
        Plan { setup: Setup { kind, fleet, time_scale, operation_seconds, limits, access }, repeats }
    };
    let fleets = options.sizes.iter().map(|size| size.get());
    options
        .scenario
        .iter()
        .flat_map(|kind| match kind {
            Kind::Fleet => fleets.clone().map(|objects| plan(Kind::Fleet, objects)).collect(),
            Kind::Limits => vec![plan(Kind::Limits, options.limits_size.get())],
            Kind::Permission => vec![plan(Kind::Permission, options.permission_size.get())],
            Kind::SlowVault => vec![plan(Kind::SlowVault, options.slow_vault_size.get())],
        })
        .collect()
}

impl Setup {
    /// What is measured, in a line.
    pub(crate) fn title(&self) -> String {
        let Fleet { objects, vaults } = self.fleet;
        format!("{}: {objects} objects in {vaults} vaults, Azure's time × {}", self.kind, self.time_scale)
    }

    /// The seconds that Azure takes at most for one object, from the acceptance of its validation to its protection.
    pub(crate) fn operation_s(&self) -> f64 {
        let azure = self.operation_seconds.map_or(VALIDATE_AND_CONFIGURE_S, |seconds| 2.0 * seconds as f64);
        azure / self.time_scale
    }

    /// The seconds in which the limits let the writes of a fleet through, a validation and a PUT for each object;
    /// `None` without limits.
    pub(crate) fn limits_s(&self) -> Option<f64> {
        let writes = 2.0 * self.fleet.objects as f64;
        let seconds = ((writes - 200.0) / 10.0).max(0.0) / self.time_scale;
        (self.limits == Limits::Arm).then_some(seconds)
    }

    /// Measures once.
    pub(crate) async fn run(&self, options: &Options) -> Result<Run, BenchError> {
        match self.kind {
            Kind::Fleet | Kind::Limits => fleet::run(self, options).await,
            Kind::Permission => permission::run(self, options).await,
            Kind::SlowVault => slow_vault::run(self, options).await,
        }
    }

    /// Starts everything, creates the fleet, and measures that and the emulator.
    async fn create(&self, options: &Options) -> Result<(Stage, Run), BenchError> {
        let mut stage = Stage::set(options, self).await?;
        let rss_idle_mb = phases::idle(&stage).await?;
        let created = phases::create(&mut stage).await?;
        let creation = phases::until_ready(&mut stage, created, options.patience()).await?;
        let run = self.result(&stage, rss_idle_mb, creation).await?;
        Ok((stage, run))
    }

    /// Measures the emulator's ceiling, with all the instances in it, and sums up.
    async fn result(&self, stage: &Stage, rss_idle_mb: f64, creation: Creation) -> Result<Run, BenchError> {
        let ceiling = ceiling::measure(&stage.emulator).await?;
        Ok(Run::new(self, stage, rss_idle_mb, creation, ceiling))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[test]
    fn the_limits_scenario_knows_what_the_limits_let_through() {
        let options =
            Options::try_parse_from(["bench", "--operator=o", "--emulator=e", "--sizes=1,5000", "--repeats=3"])
                .unwrap();
        let plans = plans(&options);
        let shown: Vec<_> =
            plans.iter().map(|plan| (plan.setup.kind, plan.setup.fleet.objects, plan.repeats)).collect();
        let expected = [
            (Kind::Fleet, 1, 3),
            (Kind::Fleet, 5000, 1),
            (Kind::Limits, 1000, 1),
            (Kind::Permission, 100, 1),
            (Kind::SlowVault, 500, 1),
        ];
        assert_eq!(shown, expected);
        assert_eq!(plans[0].setup.fleet.vaults, 1);
        assert_eq!((plans[0].setup.limits_s(), plans[2].setup.limits_s()), (None, Some(180.0)));
        assert_eq!((plans[1].setup.operation_s(), plans[2].setup.operation_s()), (11.1, 10.0));
    }
}
