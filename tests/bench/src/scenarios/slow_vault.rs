//! One vault is slow with its answers: what does that cost the objects of the others?

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use test_support::Method;

use super::Setup;
use crate::error::BenchError;
use crate::observer::{Milestones, Seen};
use crate::options::Options;
use crate::report::Run;
use crate::stage::Stage;
use crate::{fleet, phases};

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
    let (stage, run) = setup.create(options).await?;
    let without = others(&stage, run.creation.started);
    drop(stage);

    let mut stage = Stage::set(options, setup).await?;
    let rss_idle_mb = phases::idle(&stage).await?;
    let fault = json!({
        "pathContains": format!("/backupVaults/{}", fleet::vault_name(SLOW)),
        "times": u32::MAX,
        "effect": { "delay": { "milliseconds": options.slow_seconds * 1000 } },
    });
    stage.tell_azure("faults", &fault).await?;
    let created = phases::create(&mut stage).await?;
    let ready = |seen: &Seen| seen.ready.keys().filter(|name| stage.fleet.vault_of(name) != Some(SLOW)).count();
    if !stage.observer.until(options.patience(), |seen| ready(seen) >= count(&stage)).await {
        crate::say("  not all objects of the other vaults became ready in time");
    }
    // Nobody waits for those of the slow vault.
    let creation = phases::until_ready(&mut stage, created, Duration::ZERO).await?;
    let with = others(&stage, creation.started);
    stage.emulator.admin(Method::DELETE, "faults", None).await?;
    let mut run = setup.result(&stage, rss_idle_mb, creation).await?;
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

fn others(stage: &Stage, created: Instant) -> Milestones {
    let seen = stage.observer.seen();
    let others = seen.ready.iter().filter(|(name, _)| stage.fleet.vault_of(name) != Some(SLOW));
    Milestones::of(others.map(|(_, time)| *time), created, count(stage))
}
