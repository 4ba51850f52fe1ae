//! All objects are created, and followed until they are ready.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::BenchError;
use crate::meter::{Meter, Usage};
use crate::observer::Milestones;
use crate::process;
use crate::stage::Stage;

/// How long the operator is left alone before its memory is taken as settled, and without objects as idle.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// What the creation of a fleet took. Times are seconds from the first request to create an object; those that were not
/// reached are left out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Creation {
    #[serde(skip)]
    pub(crate) started: Instant,
    /// Until the API server had all of them.
    pub(crate) created_s: f64,
    pub(crate) first_ready_s: Option<f64>,
    pub(crate) half_ready_s: Option<f64>,
    /// 99 in a hundred.
    pub(crate) most_ready_s: Option<f64>,
    pub(crate) all_ready_s: Option<f64>,
    /// How many became ready.
    pub(crate) ready: usize,
    /// The operator's memory: the most until all were ready.
    pub(crate) rss_peak_mb: f64,
    /// Some seconds later.
    pub(crate) rss_settled_mb: f64,
    /// Of that, without the pages of files.
    pub(crate) rss_settled_anonymous_mb: f64,
    /// What was used until all were ready.
    pub(crate) usage: Usage,
}

/// The operator's memory without any object.
pub(crate) async fn idle(stage: &Stage) -> Result<f64, BenchError> {
    tokio::time::sleep(SETTLED_AFTER).await;
    Ok(process::memory(stage.operator.process().id())?.rss_mb)
}

/// A fleet whose objects have been created.
#[derive(Debug)]
pub(crate) struct Created {
    meter: Meter,
    created_s: f64,
}

/// Creates all objects.
pub(crate) async fn create(stage: &mut Stage) -> Result<Created, BenchError> {
    let meter = Meter::begin(stage).await?;
    stage.create_all().await?;
    let created_s = meter.started().elapsed().as_secs_f64();
    Ok(Created { meter, created_s })
}

/// Waits until all of them are ready, for at most so long.
pub(crate) async fn until_ready(
    stage: &mut Stage,
    created: Created,
    patience: Duration,
) -> Result<Creation, BenchError> {
    let objects = stage.fleet.objects;
    let Created { meter, created_s } = created;
    let started = meter.started();
    if !stage.observer.until(patience, |seen| seen.ready.len() >= objects).await {
        crate::say("  not all objects became ready in time");
    }
    let usage = meter.read(stage).await?;
    let operator = stage.operator.process().id();
    let rss_peak_mb = process::memory(operator)?.peak_mb;
    tokio::time::sleep(SETTLED_AFTER).await;
    let settled = process::memory(operator)?;
    let seen = stage.observer.seen();
    let Milestones { first, half, most, all } = Milestones::of(seen.ready.values().copied(), started, objects);
    Ok(Creation {
        started,
        created_s,
        first_ready_s: first,
        half_ready_s: half,
        most_ready_s: most,
        all_ready_s: all,
        ready: seen.ready.len(),
        rss_peak_mb,
        rss_settled_mb: settled.rss_mb,
        rss_settled_anonymous_mb: settled.anonymous_mb,
        usage,
    })
}
