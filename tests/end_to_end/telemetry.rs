//! Logs and traces of a real operator: they tell which object, which pass and which request to Azure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use serde_json::Value;
use test_support::OperatorProcess;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::stage::{Stage, binary, flexible_server};

/// A collector of traces. It stops when this is dropped.
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    server: JoinHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(receive)).with_state(Arc::clone(&received));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, received, server }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(received): State<Arc<Mutex<Vec<ExportTraceServiceRequest>>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Bytes {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
    Bytes::new()
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Any| match value {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |attribute: &KeyValue| attribute.value.as_ref().and_then(|value| value.value.as_ref()).map(text);
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute).unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_holds_a_pass_and_its_requests_to_azure() {
    let collector = Collector::start().await;
    let mut stage = Stage::new().await;
    stage.options.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".into(), collector.url.clone().into()));
    // Traces do not depend on what is logged.
    stage.options.env.push(("PGBACKUP_LOG".into(), "warn".into()));
    let refused = serde_json::json!({ "kind": "getVault", "effect": { "respond": { "status": 503 } } });
    stage.emulator.engine().lock().unwrap().add_fault(serde_json::from_value(refused).unwrap());
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", &operator).await;
    let status = operator.terminate().await.unwrap();
    assert!(status.is_some_and(|status| status.success()), "{}", operator.log());

    let resource = collector.received.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    let resource = attributes(&resource.attributes);
    assert_eq!(
        (&*resource["service.name"], &*resource["service.version"]),
        ("postgres-backup-operator", env!("CARGO_PKG_VERSION"))
    );

    let spans = collector.spans();
    let passes: BTreeMap<_, _> =
        spans.iter().filter(|span| span.name == "reconcile").map(|span| (span.span_id.clone(), span)).collect();
    let requests: Vec<_> = spans.iter().filter(|span| span.kind() == SpanKind::Client).collect();
    assert_eq!(
        passes.len() + requests.len(),
        spans.len(),
        "nothing else: {:?}",
        spans.iter().map(|span| &span.name).collect::<Vec<_>>()
    );
    for pass in passes.values() {
        let attributes = attributes(&pass.attributes);
        assert!(pass.parent_span_id.is_empty());
        assert_eq!(
            (&*attributes["k8s.namespace.name"], &*attributes["name"], &*attributes["generation"]),
            (&*stage.namespace, "orders", "1")
        );
    }
    let journal = stage.requests();
    assert_eq!(requests.len(), journal.len(), "a span for each request");
    let mut kinds = BTreeSet::new();
    for entry in &journal {
        let id = &entry.request_headers["x-ms-client-request-id"];
        let of_entry = |span: &&&Span| attributes(&span.attributes).get("client_request_id") == Some(id);
        let span = requests.iter().find(of_entry).unwrap_or_else(|| panic!("no span for {entry:?}"));
        let pass = passes[&span.parent_span_id];
        let told = attributes(&span.attributes);
        assert_eq!(span.trace_id, pass.trace_id);
        assert_eq!(told["correlation_id"], attributes(&pass.attributes)["correlationID"]);
        assert_eq!(told["correlation_id"], entry.request_headers["x-ms-correlation-request-id"]);
        assert_eq!(
            (&told["http.request.method"], &told["http.response.status_code"]),
            (&entry.method, &entry.status.to_string())
        );
        assert_eq!(
            (&*told["server.address"], &*told["azure.resource_provider.namespace"]),
            ("127.0.0.1", "Microsoft.DataProtection")
        );
        assert_eq!(
            entry.request_headers.get("traceparent"),
            None,
            "Azure ties requests together by the correlation id"
        );
        let is_error = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        assert_eq!(is_error, entry.status >= 400, "{entry:?}");
        kinds.insert(span.name.clone());
    }
    for name in ["get_vault", "validate_for_backup", "put_backup_instance", "get_backup_instance", "poll_operation"] {
        assert!(kinds.contains(name), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_is_told_of_and_harms_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut stage = Stage::new().await;
    stage.options.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".into(), format!("http://{nobody}").into()));
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", &operator).await;
    let status = operator.terminate().await.unwrap();
    let log = operator.log();
    assert!(status.is_some_and(|status| status.success()), "{log}");
    assert!(log.contains("BatchSpanProcessor.ExportError"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_that_is_not_spoken_is_refused_at_the_start() {
    let mut stage = Stage::new().await;
    stage.options.env.push(("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "http://127.0.0.1:4317".into()));
    stage.options.env.push(("OTEL_EXPORTER_OTLP_PROTOCOL".into(), "grpc".into()));
    let operator = OperatorProcess::start(&binary(), &stage.options).unwrap();
    let status = operator.process().exited().await;
    assert!(status.is_some_and(|status| !status.success()));
    assert!(
        operator.log().contains("error: OTEL_EXPORTER_OTLP_PROTOCOL=grpc: traces are sent with http/protobuf only")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_pass_tells_which_object_and_which_pass() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.create("orders", flexible_server("orders")).await;
    stage.until_ready("orders", &operator).await;
    operator.terminate().await.unwrap();

    let log = operator.log();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let of_passes: Vec<_> = lines.iter().filter(|line| line.get("reconcileID").is_some()).collect();
    for line in &of_passes {
        assert_eq!(
            (&line["namespace"], &line["name"], &line["generation"]),
            (&stage.namespace.clone().into(), &"orders".into(), &1.into()),
            "{line}"
        );
        assert_eq!(
            (&line["controller"], &line["correlationID"]),
            (&"postgresbackup".into(), &line["reconcileID"]),
            "{line}"
        );
    }
    let with = |message: &str| of_passes.iter().filter(|line| line["msg"] == message).count();
    assert_eq!(with("Azure request finished"), stage.requests().len());
    assert_eq!(with("Azure accepted the request"), 2, "validation and PUT");
    let sent: BTreeSet<_> =
        stage.requests().iter().map(|entry| entry.request_headers["x-ms-correlation-request-id"].clone()).collect();
    let logged: BTreeSet<_> = of_passes.iter().map(|line| line["correlationID"].as_str().unwrap().to_owned()).collect();
    assert!(sent.is_subset(&logged), "{sent:?} {logged:?}");
    for message in ["Starting", "Watching PostgresBackups", "Stopped"] {
        assert!(lines.iter().any(|line| line["msg"] == message), "{message}");
    }
}
