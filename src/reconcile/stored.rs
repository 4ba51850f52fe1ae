//! Objects as they are watched.

use kube::core::DeserializeGuard;

use crate::api::PostgresBackup;

/// An object as the API server stores it, or why it cannot be read: one that cannot must not stop the watch of the others.
pub type Stored = DeserializeGuard<PostgresBackup>;
