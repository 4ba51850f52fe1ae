#![allow(clippy::unwrap_used)]

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is printed under this filter while `say` runs.
fn printed(filter: &str, log_format: LogFormat, say: impl FnOnce()) -> String {
    let output = Output::default();
    let args = LogArgs { log: filter.to_owned(), log_format };
    let subscriber = Registry::default().with(log(&args, output.clone()).unwrap());
    // While there is only one dispatcher, tracing asks the thread that meets a span first whether anybody listens, and
    // remembers the answer; that thread may be another test's. With two it asks the dispatchers.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    tracing::subscriber::with_default(subscriber, say);
    let bytes = output.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        let ts = line.as_object_mut().unwrap().remove("ts").unwrap();
        assert!(ts.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{ts}");
    }
    lines
}

#[test]
fn a_line_names_the_object_and_the_pass_from_every_depth() {
    let text = printed("info,postgres_backup_operator=debug", LogFormat::Json, || {
        let pass = tracing::error_span!("reconcile", namespace = "shop", name = "orders", id = tracing::field::Empty);
        let _pass = pass.clone().entered();
        pass.record("id", 7);
        let _request = tracing::debug_span!("azure_request", operation = "get_vault", otel.kind = "client").entered();
        tracing::info!(answer = 200, name = "inner", ok = true, error = %"broken \"pipe\"\n", "Done");
    });
    let expected = json!({
        "level": "info", "msg": "Done", "namespace": "shop", "name": "inner", "id": 7,
        "operation": "get_vault", "answer": 200, "ok": true, "error": "broken \"pipe\"\n",
    });
    assert_eq!(lines(&text), [expected]);
    assert!(text.starts_with("{\"ts\":"), "{text}");
}

#[test]
fn a_filter_that_lets_only_warnings_through_still_names_the_object() {
    for filter in ["warn", "error"] {
        let text = printed(filter, LogFormat::Json, || {
            let _pass = tracing::error_span!("reconcile", name = "orders").entered();
            tracing::info!("Not said");
            tracing::error!("Said");
        });
        assert_eq!(lines(&text), [json!({ "level": "error", "msg": "Said", "name": "orders" })], "{filter}");
    }
}

#[test]
fn lines_for_people_name_the_object_too() {
    let text = printed("info", LogFormat::Text, || {
        let _pass = tracing::error_span!("reconcile", name = "orders").entered();
        tracing::info!("Done");
    });
    assert!(text.ends_with("INFO reconcile{name=\"orders\"}: Done\n"), "{text}");
}

#[test]
fn a_filter_that_cannot_be_read_is_refused() {
    let args = LogArgs { log: "info,=".to_owned(), log_format: LogFormat::Json };
    let refused = log::<Registry, _>(&args, io::stdout);
    assert!(matches!(refused.map(drop), Err(TelemetryError::Filter { .. })));
}
