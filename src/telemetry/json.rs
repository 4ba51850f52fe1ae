//! A log line as JSON, with the keys that controllers written in Go have made customary.

use std::fmt;

use jiff::Timestamp;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an object per line: `ts`, `level`, `msg`, then the fields of all spans that the event is in, from the outermost,
/// then its own. So whatever is said within a pass names the object and the pass. Where two fields have the same name, the
/// inner one counts. Fields with a dot in their name are attributes for traces and left out.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    // The fields of a span have to be formatted as JSON, by `JsonFields`.
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>();
            if let Some(Ok(of_span)) = formatted.map(|formatted| serde_json::from_str::<Map<_, _>>(&formatted.fields)) {
                fields.extend(of_span);
            }
        }
        let mut visitor = Fields { message: String::new(), fields: &mut fields };
        event.record(&mut visitor);
        // The exporter of traces gives its events a name in place of a message.
        let named = Some(visitor.message).filter(|message| !message.is_empty());
        let message = named.unwrap_or_else(|| event.metadata().name().to_owned());
        let line = Line { level: event.metadata().level().as_str(), message: &message, fields: &fields };
        writeln!(writer, "{}", line.json().map_err(|_| fmt::Error)?)
    }
}

struct Line<'a> {
    level: &'a str,
    message: &'a str,
    fields: &'a Map<String, Value>,
}

impl Line<'_> {
    fn json(&self) -> serde_json::Result<String> {
        let mut buffer = Vec::with_capacity(256);
        let mut serializer = serde_json::Serializer::new(&mut buffer);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ts", &format_args!("{:.6}", Timestamp::now()))?;
        map.serialize_entry("level", &self.level.to_ascii_lowercase())?;
        map.serialize_entry("msg", self.message)?;
        for (key, value) in self.fields.iter().filter(|(key, _)| !key.contains('.')) {
            map.serialize_entry(key, value)?;
        }
        map.end()?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }
}

/// The fields of an event, with the message apart.
struct Fields<'a> {
    message: String,
    fields: &'a mut Map<String, Value>,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, text);
        }
    }
}
