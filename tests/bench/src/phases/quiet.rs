//! A healthy fleet is left alone for one drift interval.

use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::meter::{Meter, Usage};
use crate::stage::Stage;

/// The operator's drift interval unless it is told another one, in seconds.
const DEFAULT_DRIFT_INTERVAL_S: f64 = 600.0;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// What a healthy fleet costs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Quiet {
    /// The drift interval of the measurement, in seconds.
    pub(crate) drift_interval_s: f64,
    /// Requests to Azure in an hour with the default drift interval.
    pub(crate) azure_requests_per_hour: f64,
    /// Requests to the API server in an hour with the default drift interval.
    pub(crate) kube_requests_per_hour: f64,
    /// CPU seconds of the operator in an hour with the default drift interval.
    pub(crate) cpu_s_per_hour: f64,
    /// What was used in one drift interval.
    pub(crate) usage: Usage,
}

/// Restarts the operator with a short drift interval and measures one interval.
///
/// All objects are looked at once after the start, and again between nine and eleven tenths of an interval later. So the
/// time from half of an interval to one and a half has exactly one look at each.
pub(crate) async fn quiet(stage: &mut Stage, drift_interval: Duration) -> Result<Quiet, BenchError> {
    stage.restart(&[format!("--drift-interval={}s", drift_interval.as_secs())]).await?;
    tokio::time::sleep(drift_interval / 2).await;
    let meter = Meter::begin(stage).await?;
    tokio::time::sleep(drift_interval).await;
    let usage = meter.read(stage).await?;
    let per_hour = SECONDS_PER_HOUR / DEFAULT_DRIFT_INTERVAL_S;
    Ok(Quiet {
        drift_interval_s: drift_interval.as_secs_f64(),
        azure_requests_per_hour: usage.azure.total as f64 * per_hour,
        kube_requests_per_hour: usage.kubernetes.total as f64 * per_hour,
        cpu_s_per_hour: usage.cpu.operator * per_hour,
        usage,
    })
}
