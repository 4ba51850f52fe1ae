//! What users see: the `PostgresBackup` resource, its conditions and their reasons; and the `PostgresBackupGrant` of
//! administrators.
//!
//! Nothing here depends on the rest of the operator.

pub mod annotations;
pub mod conditions;
pub mod crd;
pub mod grant;
pub mod reasons;
mod status;
pub mod v1alpha1;

pub use conditions::ConditionType;
pub use grant::{PostgresBackupGrant, PostgresBackupGrantSpec, PostgresBackupGrantStatus};
pub use reasons::Reason;
pub use v1alpha1::{DeletionPolicy, Mode, PostgresBackup, PostgresBackupSpec, PostgresBackupStatus, Protection};

/// The finalizer that keeps a deleted `PostgresBackup` until its backup instance is dealt with.
///
/// It carries a path, as the API server asks of finalizers that custom controllers set.
pub const FINALIZER: &str = "pgbackup.dev/backup-instance";

/// The field manager under which status is applied.
pub const FIELD_MANAGER: &str = "postgres-backup-operator";
