//! What surrounds a request: what it is for, its ids, and who watches.

use super::credential::IdentityKind;
use super::id::SubscriptionId;
use super::rate_limit::RateLimit;
use azure_core::http::headers::{HeaderName, Headers};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Defines the operations once: variant, label, and what is being done in words.
macro_rules! operations {
    ($($(#[$doc:meta])* $operation:ident => $name:literal, $doing:literal;)+) => {
        /// What a request is for; names it in logs, metrics and errors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation { $($(#[$doc])* $operation),+ }

        impl Operation {
            /// Every operation, for metrics that are registered ahead.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$operation),+];

            /// The operation as a label: lower case with underscores.
            pub fn name(self) -> &'static str {
                match self { $(Self::$operation => $name),+ }
            }
        }

        impl fmt::Display for Operation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$operation => $doing),+ })
            }
        }
    };
}

operations! {
    /// GET a Backup vault.
    GetVault => "get_vault", "reading the Backup vault";
    /// GET a backup instance.
    GetBackupInstance => "get_backup_instance", "reading the backup instance";
    /// GET a page of the backup instances of a vault.
    ListBackupInstances => "list_backup_instances", "listing the backup instances of the vault";
    /// GET a soft-deleted backup instance.
    GetDeletedBackupInstance => "get_deleted_backup_instance", "reading the soft-deleted backup instance";
    /// POST validateForBackup, which changes nothing but starts an operation.
    ValidateForBackup => "validate_for_backup", "validating the backup";
    /// POST validateForModifyBackup, which changes nothing but starts an operation.
    ValidateForModifyBackup => "validate_for_modify_backup", "validating the change of the backup instance";
    /// PUT a backup instance.
    PutBackupInstance => "put_backup_instance", "writing the backup instance";
    /// DELETE a backup instance.
    DeleteBackupInstance => "delete_backup_instance", "deleting the backup instance";
    /// POST undelete of a soft-deleted backup instance.
    UndeleteBackupInstance => "undelete_backup_instance", "undeleting the backup instance";
    /// POST stopProtection: no more backups, and the recovery points are kept forever.
    StopProtection => "stop_protection", "stopping protection";
    /// POST suspendBackups: no more backups, and recovery points expire as the policy says, but for the latest.
    SuspendBackups => "suspend_backups", "suspending backups";
    /// POST resumeProtection: undoes both.
    ResumeProtection => "resume_protection", "resuming protection";
    /// POST sync, which makes Azure look again at what keeps protection from working.
    SyncBackupInstance => "sync_backup_instance", "repairing the backup instance";
    /// GET the state of a running operation.
    PollOperation => "poll_operation", "reading the state of an operation";
}

impl Operation {
    /// Whether the request only reads, so that sending it twice does no harm.
    pub fn is_read(self) -> bool {
        matches!(
            self,
            Self::GetVault
                | Self::GetBackupInstance
                | Self::ListBackupInstances
                | Self::GetDeletedBackupInstance
                | Self::PollOperation
        )
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
    fn finished(&self, operation: Operation, subscription: &SubscriptionId, status: Option<u16>, elapsed: Duration);

    /// Azure has said how much is left of a limit that the request counted against.
    fn remaining(&self, operation: Operation, subscription: &SubscriptionId, limit: RateLimit, remaining: u32);

    /// A request was not sent because there was no access token for it.
    fn no_token(&self, identity: IdentityKind);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl RequestObserver for NoObserver {
    fn finished(&self, _: Operation, _: &SubscriptionId, _: Option<u16>, _: Duration) {}
    fn remaining(&self, _: Operation, _: &SubscriptionId, _: RateLimit, _: u32) {}
    fn no_token(&self, _: IdentityKind) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_labels_and_tell_operations_apart() {
        let names: BTreeSet<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        let texts: BTreeSet<String> = Operation::ALL.iter().map(Operation::to_string).collect();
        assert_eq!((names.len(), texts.len()), (Operation::ALL.len(), Operation::ALL.len()));
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{names:?}");
    }

    #[test]
    fn only_gets_are_sent_twice() {
        let reads: Vec<&str> =
            Operation::ALL.into_iter().filter(|operation| operation.is_read()).map(Operation::name).collect();
        let expected = [
            "get_vault",
            "get_backup_instance",
            "list_backup_instances",
            "get_deleted_backup_instance",
            "poll_operation",
        ];
        assert_eq!(reads, expected);
    }
}
