//! The operator is restarted while all objects are ready.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::until_quiet;
use crate::error::BenchError;
use crate::meter::{Meter, Usage};
use crate::process;
use crate::stage::Stage;

/// What a restart took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Restart {
    /// Seconds from the start of the process until the first request to Azure, one for a token included.
    pub(crate) first_request_s: Option<f64>,
    /// Seconds from the start of the process until the last request to Azure, before all was quiet.
    pub(crate) quiet_after_s: Option<f64>,
    /// The operator's memory when all was quiet.
    pub(crate) rss_mb: f64,
    /// What was used, the last seconds of quiet included.
    pub(crate) usage: Usage,
}

/// Restarts the operator and waits until it leaves Azure alone.
pub(crate) async fn restart(stage: &mut Stage, patience: Duration) -> Result<Restart, BenchError> {
    let meter = Meter::begin(stage).await?;
    stage.restart(&[]).await?;
    let started = Instant::now();
    let (first, last, quiet) = until_quiet(stage, patience).await?;
    let usage = meter.read(stage).await?;
    let since = |time: Instant| time.saturating_duration_since(started).as_secs_f64();
    Ok(Restart {
        first_request_s: first.map(since),
        quiet_after_s: last.filter(|_| quiet).map(since),
        rss_mb: process::memory(stage.operator.process().id())?.rss_mb,
        usage,
    })
}
