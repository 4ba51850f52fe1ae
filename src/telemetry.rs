//! Logging.

use tracing_subscriber::EnvFilter;

use crate::cli::{LogArgs, LogFormat};

/// Why logging could not be set up.
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
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up before.
    #[error("logging is set up already")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging to standard output.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(args: &LogArgs) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;

    let filter =
        EnvFilter::try_new(&args.log).map_err(|source| TelemetryError::Filter { filter: args.log.clone(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match args.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().try_init()?,
        LogFormat::Text => builder.with_ansi(false).finish().try_init()?,
    }
    Ok(())
}
