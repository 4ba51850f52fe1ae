//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Measures what the operator costs a cluster and an Azure subscription.
///
/// etcd, kube-apiserver, an emulated Azure and the operator run as processes of their own on loopback ports. The result is
/// a table in Markdown on standard output, and `report.json` and `report.md` in the directory --out.
#[derive(Clone, Debug, Parser, Serialize)]
pub(crate) struct Options {
    /// The operator's binary.
    #[arg(long, value_name = "FILE")]
    pub(crate) operator: PathBuf,
    /// The emulator's binary.
    #[arg(long, value_name = "FILE")]
    pub(crate) emulator: PathBuf,
    /// What to measure.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(crate) scenario: Vec<Kind>,
    /// How many objects the fleets of the scenario `fleet` have.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,100,1000,5000,10000")]
    pub(crate) sizes: Vec<NonZeroUsize>,
    /// Over how many vaults they are spread.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) vaults: NonZeroUsize,
    /// What is done to a fleet, in this order.
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_values_t = Phase::ALL)]
    pub(crate) phases: Vec<Phase>,
    /// How often fleets of up to --repeat-up-to objects are measured; the report has the medians.
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) repeats: NonZeroUsize,
    /// The size up to which measurements are repeated.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) repeat_up_to: usize,
    /// How many seconds of Azure's time pass in one second. The scenario `limits` runs at Azure's own pace.
    #[arg(long, value_name = "FACTOR", default_value_t = 10.0, value_parser = parse_scale)]
    pub(crate) time_scale: f64,
    /// How many seconds of Azure's time validating, configuring and deleting take each; left out, as long as recordings of
    /// Azure show.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) operation_seconds: Option<u64>,
    /// Whether Azure Resource Manager's limits are enforced, in Azure's time. The scenario `limits` always does.
    #[arg(long, value_enum, default_value_t = Limits::Off)]
    pub(crate) limits: Limits,
    /// How many objects the scenario `limits` has.
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) limits_size: NonZeroUsize,
    /// How many objects the scenario `permission` has.
    #[arg(long, value_name = "N", default_value = "100")]
    pub(crate) permission_size: NonZeroUsize,
    /// How many objects the scenario `slow-vault` has: enough that those of one vault could occupy the whole operator.
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) slow_vault_size: NonZeroUsize,
    /// How many seconds the objects of `permission` are refused before it is granted: long enough to be looked at rarely.
    #[arg(long, value_name = "SECONDS", default_value_t = 150)]
    pub(crate) refused_seconds: u64,
    /// How many seconds the slow vault of `slow-vault` takes for each answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) slow_seconds: u64,
    /// The operator's drift interval in the quiet phase, in seconds; left out, 30, and longer for more than 3,000 objects.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drift_seconds: Option<u64>,
    /// After how many seconds a fleet is given up that does not get where it should.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    pub(crate) patience_seconds: u64,
    /// One more argument for the operator, such as --operator-arg=--concurrency=64.
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) operator_arg: Vec<String>,
    /// Where to write the report.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub(crate) out: PathBuf,
}

impl Options {
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds)
    }

    /// The drift interval in the quiet phase: long enough that a fleet of this size is not looked at all the time.
    pub(crate) fn drift_interval(&self, objects: usize) -> Duration {
        let by_size = u64::try_from(objects / 100).unwrap_or(u64::MAX).max(30);
        Duration::from_secs(self.drift_seconds.unwrap_or(by_size))
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Fleets of several sizes are created, left alone, restarted with and deleted.
    Fleet,
    /// A fleet is created while Azure Resource Manager enforces its limits, at Azure's own pace.
    Limits,
    /// All objects lack a permission, until it is granted.
    Permission,
    /// One vault takes half a minute for each answer.
    SlowVault,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Fleet, Self::Limits, Self::Permission, Self::SlowVault];
}

/// What is done to a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// The operator is restarted while all objects are ready.
    Restart,
    /// All is left alone for one drift interval.
    Quiet,
    /// All objects are deleted.
    Delete,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Restart, Self::Quiet, Self::Delete];
}

/// Whether requests are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Limits {
    /// They are not.
    Off,
    /// By Azure Resource Manager's token buckets, per subscription and principal: reads 250 and 25 a second, writes and
    /// deletes 200 and 10 a second each.
    Arm,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Fleet => "fleet",
            Self::Limits => "limits",
            Self::Permission => "permission",
            Self::SlowVault => "slow-vault",
        })
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Restart => "restart",
            Self::Quiet => "quiet",
            Self::Delete => "delete",
        })
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.001..=1_000_000.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number between 0.001 and 1000000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        let options = Options::try_parse_from(["bench", "--operator=o", "--emulator=e"]).unwrap();
        assert_eq!(options.sizes.len(), 5);
        assert_eq!((options.scenario, options.phases), (Kind::ALL.to_vec(), Phase::ALL.to_vec()));
    }
}
