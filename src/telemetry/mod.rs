//! Logging, and traces where somebody collects them.

mod json;
#[cfg(feature = "otlp")]
mod otlp;

use tracing::Subscriber;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, filter};

use crate::cli::{LogArgs, LogFormat};
use json::JsonLine;

/// Why logging or tracing could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error(
        "--log {filter:?} cannot be used; give a level (error, warn, info, debug, trace) or directives like info,postgres_backup_operator=debug"
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: filter::ParseError,
    },
    /// Logging was set up before.
    #[error("logging is set up already")]
    Installed(#[from] TryInitError),
    /// Traces cannot be sent as the environment asks.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Traces(#[from] otlp::TracesError),
}

/// What has to be done for traces at the end of the process. Logs need nothing.
#[derive(Debug)]
#[must_use = "spans that were not sent yet are lost without `finish`"]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    traces: Option<otlp::Traces>,
}

impl Telemetry {
    /// Sends the spans that were not sent yet.
    pub fn finish(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.finish();
        }
    }
}

/// Starts logging to standard output, and sending traces if the environment names a collector. Runs inside of the tokio runtime
/// that is to send them.
///
/// # Errors
/// When the filter cannot be read, the collector not be used, or logging was started before.
pub fn init(args: &LogArgs) -> Result<Telemetry, TelemetryError> {
    let log = log(args, std::io::stdout)?;
    #[cfg(feature = "otlp")]
    {
        let traces = otlp::Traces::from_env(|name| std::env::var(name).ok())?;
        let spans = traces.as_ref().map(otlp::Traces::layer);
        Registry::default().with(log).with(spans).try_init()?;
        Ok(Telemetry { traces })
    }
    #[cfg(not(feature = "otlp"))]
    {
        Registry::default().with(log).try_init()?;
        Ok(Telemetry {})
    }
}

/// Writes what the filter lets through, in the format that is asked for.
fn log<S, W>(args: &LogArgs, writer: W) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> tracing_subscriber::fmt::MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter =
        EnvFilter::try_new(&args.log).map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    Ok(match args.log_format {
        LogFormat::Json => layer.event_format(JsonLine).fmt_fields(JsonFields::new()).with_filter(filter).boxed(),
        LogFormat::Text => layer.with_target(false).with_filter(filter).boxed(),
    })
}

#[cfg(test)]
mod tests;
