//! Traces over OTLP: a span for each pass and, as its children, one for each request to Azure.
//!
//! The standard environment variables of OpenTelemetry decide: nothing is sent unless `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set. The protocol is `http/protobuf`. Azure is sent no `traceparent`: Resource
//! Manager ties requests together by `x-ms-correlation-request-id`, which every pass has and every span carries.

use std::pin::Pin;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// The name of the operator in traces, unless `OTEL_SERVICE_NAME` gives another.
const SERVICE: &str = "postgres-backup-operator";

/// The only protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";

/// Where everything the operator says of itself begins.
const CRATE: &str = "postgres_backup_operator";

/// Why traces cannot be sent as the environment asks.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// Another protocol is asked for.
    #[error(
        "{variable}={value}: traces are sent with http/protobuf only; set it to that, with an endpoint that speaks it (port 4318 of a collector)"
    )]
    Protocol {
        /// The variable that names it.
        variable: &'static str,
        /// What it says.
        value: String,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client for traces")]
    Client(#[source] reqwest::Error),
    /// The endpoint or something else cannot be used.
    #[error(
        "cannot send traces as the variables OTEL_EXPORTER_OTLP_* ask; correct them, or unset the endpoint to send none"
    )]
    Exporter(#[source] ExporterBuildError),
}

/// Sends traces to a collector.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// What the environment asks for; nothing unless it names a collector. Has to be called within a tokio runtime.
    pub(super) fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, TracesError> {
        if !is_wanted(&variable)? {
            return Ok(None);
        }
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        let client = Client { http: http.map_err(TracesError::Client)?, runtime: Handle::current() };
        let exporter = SpanExporter::builder().with_http().with_http_client(client).build();
        let resource = match variable("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
            Some(_) => Resource::builder(),
            None => Resource::builder().with_service_name(SERVICE),
        };
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.map_err(TracesError::Exporter)?)
            .with_resource(resource.with_attribute(version).build())
            .build();
        Ok(Some(Self { provider }))
    }

    /// Makes spans of the operator's passes and requests; whatever the filter of the log says, and of nobody else's.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let own = |metadata: &Metadata<'_>| metadata.target().starts_with(CRATE) && *metadata.level() <= Level::DEBUG;
        let tracer = self.provider.tracer(SERVICE);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        layer.with_tracked_inactivity(false).with_filter(filter_fn(own))
    }

    /// Sends what was not sent yet.
    pub(super) fn finish(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(error = %error, "Could not send the last traces");
        }
    }
}

/// Whether the environment names a collector, which then has to be one that can be spoken to.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> Result<bool, TracesError> {
    let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let is_off = given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || given("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if is_off || !endpoints.into_iter().any(|name| given(name).is_some()) {
        return Ok(false);
    }
    let protocols = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    match protocols.into_iter().find_map(|variable| Some((variable, given(variable)?))) {
        Some((variable, value)) if value != PROTOCOL => Err(TracesError::Protocol { variable, value }),
        _ => Ok(true),
    }
}

/// Sends the exporter's requests on the operator's runtime: the exporter calls from a thread of its own that has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

type Answer = Result<Response<Bytes>, HttpError>;

impl HttpClient for Client {
    fn send_bytes<'client, 'future>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'future>>
    where
        'client: 'future,
        Self: 'future,
    {
        let http = self.http.clone();
        let exchange = self.runtime.spawn(async move {
            let response = http.execute(request.try_into()?).await?;
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = response.headers().clone();
            *answer.body_mut() = response.bytes().await?;
            Ok(answer)
        });
        Box::pin(async move { exchange.await? })
    }
}

/// The layer has to fit the subscriber that [`super::init`] builds.
const _: fn(&Traces) -> Box<dyn Layer<Registry> + Send + Sync> = |traces| traces.layer().boxed();

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_environment_decides() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces");
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let cases: [(Variables<'_>, Option<bool>); 9] = [
            (&[], Some(false)),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], Some(false)),
            (&[endpoint], Some(true)),
            (&[own], Some(true)),
            (&[endpoint, ("OTEL_SDK_DISABLED", "True")], Some(false)),
            (&[endpoint, ("OTEL_TRACES_EXPORTER", "none")], Some(false)),
            (&[endpoint, grpc], None),
            (&[endpoint, grpc, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", PROTOCOL)], Some(true)),
            (&[grpc], Some(false)),
        ];
        for (set, expected) in cases {
            let variable =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(is_wanted(variable).ok(), expected, "{set:?}");
        }
    }
}
