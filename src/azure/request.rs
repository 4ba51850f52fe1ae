//! What surrounds a request: what it is for, its ids, and who watches.

use azure_core::http::headers::{HeaderName, Headers};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// What a request is for; names it in logs, metrics and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// GET a Backup vault.
    GetVault,
    /// GET a backup instance.
    GetBackupInstance,
    /// POST validateForBackup, which changes nothing but starts an operation.
    ValidateForBackup,
    /// PUT a backup instance.
    PutBackupInstance,
    /// DELETE a backup instance.
    DeleteBackupInstance,
    /// GET the state of a running operation.
    PollOperation,
}

impl Operation {
    /// Every operation, for metrics that are registered ahead.
    pub const ALL: [Self; 6] = [
        Self::GetVault,
        Self::GetBackupInstance,
        Self::ValidateForBackup,
        Self::PutBackupInstance,
        Self::DeleteBackupInstance,
        Self::PollOperation,
    ];

    /// The operation as a label: lower case with underscores.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetVault => "get_vault",
            Self::GetBackupInstance => "get_backup_instance",
            Self::ValidateForBackup => "validate_for_backup",
            Self::PutBackupInstance => "put_backup_instance",
            Self::DeleteBackupInstance => "delete_backup_instance",
            Self::PollOperation => "poll_operation",
        }
    }

    /// Whether the request only reads, so that sending it twice does no harm.
    pub fn is_read(self) -> bool {
        matches!(self, Self::GetVault | Self::GetBackupInstance | Self::PollOperation)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GetVault => "reading the Backup vault",
            Self::GetBackupInstance => "reading the backup instance",
            Self::ValidateForBackup => "validating the backup",
            Self::PutBackupInstance => "writing the backup instance",
            Self::DeleteBackupInstance => "deleting the backup instance",
            Self::PollOperation => "reading the state of an operation",
        })
    }
}

/// What the requests of one reconcile pass have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallContext {
    correlation_id: Uuid,
}

impl CallContext {
    /// A context with a new correlation id.
    pub fn new() -> Self {
        Self { correlation_id: Uuid::new_v4() }
    }

    /// Sent as `x-ms-correlation-request-id`: ties the requests of a pass together in Azure's activity log.
    pub fn correlation_id(&self) -> Uuid {
        self.correlation_id
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::new()
    }
}

/// The ids by which Microsoft's support finds a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIds {
    /// Sent as `x-ms-client-request-id`; new for every request.
    pub client_request_id: Uuid,
    /// `x-ms-correlation-request-id` of the answer, else the one that was sent.
    pub correlation_id: String,
    /// `x-ms-request-id` of the answer; Azure may leave it empty.
    pub request_id: Option<String>,
}

const CORRELATION_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

impl RequestIds {
    pub(super) fn new(context: &CallContext) -> Self {
        Self { client_request_id: Uuid::new_v4(), correlation_id: context.correlation_id.to_string(), request_id: None }
    }

    /// Takes over the ids of the answer. They end up in logs, so only what can be an id is taken.
    pub(super) fn answered(&mut self, headers: &Headers) {
        let id = |name: HeaderName| {
            headers
                .get_optional_str(&name)
                .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
                .map(str::to_owned)
        };
        if let Some(correlation_id) = id(CORRELATION_REQUEST_ID) {
            self.correlation_id = correlation_id;
        }
        self.request_id = id(REQUEST_ID);
    }
}

impl fmt::Display for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "correlation id {}, client request id {}", self.correlation_id, self.client_request_id)?;
        match &self.request_id {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

/// Is told of every request that was sent; counts them, for instance. Must not block.
pub trait RequestObserver: Send + Sync + fmt::Debug {
    /// A request has ended. `status` is absent when no answer came; `elapsed` includes reading the answer, not the token.
    fn finished(&self, operation: Operation, status: Option<u16>, elapsed: Duration);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl RequestObserver for NoObserver {
    fn finished(&self, _: Operation, _: Option<u16>, _: Duration) {}
}
