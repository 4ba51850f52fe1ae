//! What can befall a request on its way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// What happens to a request on its way.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No connection comes about.
    Refuse,
    /// The connection breaks before the request arrives.
    LoseRequest,
    /// The connection breaks before the request arrives, which it does this much later all the same.
    ArriveLate(Duration),
    /// The request is held up until it is let through, whether or not its sender still waits for the answer.
    Hold(Hold),
    /// The request has its effect; the connection breaks before the answer.
    LoseAnswer,
    /// The request has its effect; the answer takes this much longer.
    Delay(Duration),
    /// Nobody ever answers; the request does not arrive.
    Silence,
    /// Something in between answers; the request does not arrive.
    Answer(Reply),
    /// The code that sends the request panics, as a defect of the operator would.
    Panic,
    /// The request has its effect; the answer is another one by the time that it is read.
    Alter(Alteration),
    /// Something happens at the moment that the request is sent, which takes its way.
    Meanwhile(Incident),
    /// The operator dies before the request is sent.
    CrashBefore,
    /// The operator dies after the request had its effect, before it reads the answer.
    CrashAfter,
    /// The operator dies while the request is on its way, which arrives this much later.
    CrashUnderWay(Duration),
}

/// What becomes of an answer on its way.
#[derive(Clone, Copy)]
pub struct Alteration {
    pub what: &'static str,
    pub change: fn(&mut http::Response<Bytes>),
}

impl fmt::Debug for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// What happens besides the operator's requests.
#[derive(Clone)]
pub struct Incident {
    pub what: &'static str,
    pub act: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// Holds a request up. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Hold(CancellationToken);

impl Hold {
    /// Lets the request through.
    pub fn release(&self) {
        self.0.cancel();
    }

    pub async fn released(&self) {
        self.0.cancelled().await;
    }
}

/// An answer that does not come from the fakes.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<u64>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

impl Reply {
    /// An error of Azure Resource Manager, or of Kubernetes: each reads its own half.
    pub fn error(status: u16, code: &str) -> Self {
        let message = format!("{code}, says the test.");
        let body = json!({
            "error": { "code": code, "message": message },
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "reason": code, "message": message, "code": status,
        });
        Self { status, retry_after: None, headers: Vec::new(), body }
    }

    /// A good answer with this body.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, retry_after: None, headers: Vec::new(), body }
    }

    pub fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Alteration> for Fault {
    fn from(alteration: Alteration) -> Self {
        Self::Alter(alteration)
    }
}

impl From<Reply> for Fault {
    fn from(reply: Reply) -> Self {
        Self::Answer(reply)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }
}
