//! All objects are deleted, and with them their backup instances.

use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::meter::{Meter, Usage};
use crate::observer::Milestones;
use crate::stage::Stage;

/// What the deletion of a fleet took. Times are seconds from the first request to delete an object.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Deletion {
    /// Until the API server had marked all of them.
    pub(crate) asked_s: f64,
    pub(crate) first_gone_s: Option<f64>,
    pub(crate) half_gone_s: Option<f64>,
    pub(crate) all_gone_s: Option<f64>,
    /// How many went.
    pub(crate) gone: usize,
    /// What was used until all were gone.
    pub(crate) usage: Usage,
}

/// Deletes all objects and waits until they are gone, for at most so long.
pub(crate) async fn delete(stage: &mut Stage, patience: Duration) -> Result<Deletion, BenchError> {
    let objects = stage.fleet.objects;
    let meter = Meter::begin(stage).await?;
    let started = meter.started();
    stage.delete_all().await?;
    let asked_s = started.elapsed().as_secs_f64();
    if !stage.observer.until(patience, |seen| seen.gone.len() >= objects).await {
        crate::say("  not all objects went in time");
    }
    let usage = meter.read(stage).await?;
    let seen = stage.observer.seen();
    let Milestones { first, half, all, .. } = Milestones::of(seen.gone.values().copied(), started, objects);
    Ok(Deletion { asked_s, first_gone_s: first, half_gone_s: half, all_gone_s: all, gone: seen.gone.len(), usage })
}
