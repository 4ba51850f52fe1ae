//! Asynchronous operations of Resource Manager, one step at a time: how one was started, and what a single look at it says.
//!
//! Source: Azure/azure-resource-manager-rpc, `v1.0/async-api-reference.md`, and the recorded behaviour of Data Protection:
//! `Azure-AsyncOperation` is followed where present, `Location` only where not; the answer to a poll never says when to come
//! back, so the interval of the first answer holds for the whole operation.

#[cfg(test)]
mod tests;

use super::arm::Answer;
use super::cloud::Cloud;
use super::error::AzureError;
use super::id::SubscriptionId;
use super::json::text;
use super::operation_path::{Kind, OperationPath};
use super::request::Operation;
use super::service_error::ServiceError;
use std::time::Duration;

/// What came of a request that may take a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is done; for a PUT this says nothing yet about the state of protection.
    Finished,
    /// It goes on.
    Running(RunningOperation),
}

/// An operation to look at from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningOperation {
    path: OperationPath,
    poll_after: Duration,
}

impl RunningOperation {
    /// The interval when Azure names none: that of Azure's SDKs.
    pub const DEFAULT_POLL_AFTER: Duration = Duration::from_secs(30);

    /// An operation known from before; the interval is kept within one second and ten minutes.
    pub fn new(path: OperationPath, poll_after: Duration) -> Self {
        Self { path, poll_after: clamp_poll(poll_after) }
    }

    /// Where the operation is looked at.
    pub fn path(&self) -> &OperationPath {
        &self.path
    }

    /// How long to wait between two looks.
    pub fn poll_after(&self) -> Duration {
        self.poll_after
    }
}

/// What one look at an operation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// It goes on.
    Running {
        /// When to look again, if Azure says so here; else after [`RunningOperation::poll_after`].
        poll_after: Option<Duration>,
    },
    /// It is done.
    Succeeded,
    /// It failed, and why.
    Failed(ServiceError),
    /// Somebody stopped it.
    Canceled,
}

impl Started {
    /// Reads how a request was accepted. A 202 must say where to look; 200, 201 and 204 without are the end of it.
    pub(super) fn read(
        operation: Operation,
        answer: &Answer,
        cloud: &Cloud,
        subscription: &SubscriptionId,
    ) -> Result<Self, AzureError> {
        let accepted = answer.status() == 202;
        let parse = |url: &str| OperationPath::from_url(url, cloud, subscription);
        let path = match (answer.header("azure-asyncoperation"), answer.header("location")) {
            (Some(url), _) => parse(url),
            (None, Some(url)) if accepted => parse(url),
            // With 201, Location may also name the resource itself; only a poll URL is of interest.
            (None, Some(url)) => match parse(url) {
                Ok(path) => Ok(path),
                Err(_) => return Ok(Self::Finished),
            },
            (None, None) if accepted => {
                return Err(answer.unreadable("accepted without saying where the operation can be followed"));
            }
            (None, None) => return Ok(Self::Finished),
        };
        let path = path.map_err(|source| AzureError::PollUrl { operation, source })?;
        let poll_after = answer.retry_after().unwrap_or(RunningOperation::DEFAULT_POLL_AFTER);
        Ok(Self::Running(RunningOperation::new(path, poll_after)))
    }
}

impl OperationState {
    /// Reads a successful answer to a poll. Of an `operationStatus` only the body counts, whose `status` is compared without
    /// regard to case (`Inprogress` on the wire) and means "running" unless it is one of the final ones. Of
    /// `operationResults` only the HTTP status counts.
    pub(super) fn read(path: &OperationPath, answer: &Answer) -> Result<Self, AzureError> {
        let running = Self::Running { poll_after: answer.retry_after().map(clamp_poll) };
        match path.kind() {
            Kind::Results if answer.status() == 202 => Ok(running),
            Kind::Results => Ok(Self::Succeeded),
            Kind::Status => {
                let body = answer.json()?;
                let status = text(&body, "status").ok_or_else(|| answer.unreadable("the operation has no status"))?;
                Ok(match status.to_ascii_lowercase().as_str() {
                    "succeeded" => Self::Succeeded,
                    "failed" => Self::Failed(ServiceError::decode_operation(&body)),
                    "canceled" | "cancelled" => Self::Canceled,
                    _ => running,
                })
            }
        }
    }

    /// Reads an error answer to a poll: the outcome of the operation, if it is one. On `operationStatus` an error only means
    /// that the status could not be read. On `operationResults` it is what the request itself would have been answered,
    /// except for what can befall any read: sign-in, rights, a lost operation, throttling.
    pub(super) fn of_error(path: &OperationPath, error: AzureError) -> Result<Self, AzureError> {
        match (path.kind(), error) {
            (Kind::Results, AzureError::Http { status, error, .. })
                if (400..500).contains(&status) && !matches!(status, 401 | 403 | 404 | 408 | 410 | 429) =>
            {
                Ok(Self::Failed(*error))
            }
            (_, error) => Err(error),
        }
    }
}

/// An interval within reason: one second to ten minutes, the longest Resource Manager's contract allows.
fn clamp_poll(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), Duration::from_secs(600))
}
