//! A fleet is created, restarted with, left alone and deleted.

use super::Setup;
use crate::error::BenchError;
use crate::options::{Kind, Options, Phase};
use crate::phases;
use crate::report::Run;

pub(super) async fn run(setup: &Setup, options: &Options) -> Result<Run, BenchError> {
    let (mut stage, mut run) = setup.create(options).await?;
    // What follows has no time of its own to wait for: at Azure's own pace it would only take longer.
    let asked = |phase| setup.kind == Kind::Fleet && options.phases.contains(&phase);
    if asked(Phase::Restart) {
        let restart = phases::restart(&mut stage, options.patience()).await?;
        run.azure_writes_on_restart = Some(restart.usage.azure.writes);
        run.restart = Some(restart);
    }
    if asked(Phase::Quiet) {
        run.quiet = Some(phases::quiet(&mut stage, options.drift_interval(setup.fleet.objects)).await?);
    }
    if asked(Phase::Delete) {
        run.deletion = Some(phases::delete(&mut stage, options.patience()).await?);
    }
    Ok(run)
}
