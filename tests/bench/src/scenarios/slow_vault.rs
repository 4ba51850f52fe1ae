//! One vault is slow with its answers: what does that cost the objects of the others?

use serde::Serialize;
use serde_json::json;

use super::Setup;
use crate::error::BenchError;
use crate::fleet;
use crate::observer::Milestones;
use crate::options::Options;
use crate::phases::Creation;
use crate::report::Run;
use crate::stage::Stage;

/// The number of the slow vault.
const SLOW: usize = 0;

/// When the objects of the other vaults were ready, without a slow vault and with one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SlowVault {
    /// How long the slow vault takes for each answer.
    pub(crate) answers_after_s: u64,
    /// How many objects are not in the slow vault.
    pub(crate) others: usize,
    pub(crate) others_half_ready_without_s: Option<f64>,
    pub(crate) others_half_ready_s: Option<f64>,
    pub(crate) others_all_ready_without_s: Option<f64>,
    pub(crate) others_all_ready_s: Option<f64>,
}

pub(super) async fn run(setup: &Setup, options: &Options) -> Result<Run, BenchError> {
    let (stage, run) = setup.create(options, &[]).await?;
    let without = others(&stage, &run.creation);
    drop(stage);
    let fault = json!({
        "pathContains": format!("/backupVaults/{}", fleet::vault_name(SLOW)),
        "times": u32::MAX,
        "effect": { "delay": { "milliseconds": options.slow_seconds * 1000 } },
    });
    let (stage, mut run) = setup.create(options, &[fault]).await?;
    let with = others(&stage, &run.creation);
    run.slow_vault = Some(SlowVault {
        answers_after_s: options.slow_seconds,
        others: count(&stage),
        others_half_ready_without_s: without.half,
        others_half_ready_s: with.half,
        others_all_ready_without_s: without.all,
        others_all_ready_s: with.all,
    });
    Ok(run)
}

fn count(stage: &Stage) -> usize {
    (0..stage.fleet.objects).filter(|number| number % stage.fleet.vaults != SLOW).count()
}

fn others(stage: &Stage, creation: &Creation) -> Milestones {
    let seen = stage.observer.seen();
    let others = seen.ready.iter().filter(|(name, _)| stage.fleet.vault_of(name) != Some(SLOW));
    Milestones::of(others.map(|(_, time)| *time), creation.started, count(stage))
}
