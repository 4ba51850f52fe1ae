//! The operator's requests by what they are for, as they are written down.

use std::fmt;
use std::time::Duration;

use super::Fault;

/// A request of the operator, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// GET of the vault.
    GetVault,
    /// GET of the backup instance.
    GetInstance,
    /// GET of the backup instance among the soft-deleted ones.
    GetDeleted,
    /// LIST of the vault's backup instances.
    ListInstances,
    /// POST of validateForBackup.
    Validate,
    /// POST of validateForModifyBackup.
    ValidateChange,
    /// PUT of the backup instance.
    Put,
    /// POST of sync.
    Sync,
    /// POST of resumeProtection.
    Resume,
    /// POST of suspendBackups.
    Suspend,
    /// POST of stopProtection.
    Stop,
    /// POST of undelete.
    Undelete,
    /// DELETE of the backup instance.
    Delete,
    /// GET of an operation.
    Poll,
    /// GET of something of Kubernetes besides lists.
    Get,
    /// LIST of PostgresBackups.
    List,
    /// WATCH of PostgresBackups.
    Watch,
    /// LIST of grants or namespaces.
    ListPermissions,
    /// WATCH of grants or namespaces.
    WatchPermissions,
    /// Server-side apply of the status of a grant.
    TellGrant,
    /// JSON patch of the finalizers.
    PatchFinalizers,
    /// Server-side apply of the status.
    ApplyStatus,
    /// POST or PATCH of an event.
    PublishEvent,
    /// GET of the Lease.
    GetLease,
    /// POST or PUT of the Lease.
    WriteLease,
}

impl Call {
    /// Whether it changes something in Azure, or could.
    pub fn writes_azure(self) -> bool {
        matches!(
            self,
            Self::Validate
                | Self::ValidateChange
                | Self::Put
                | Self::Sync
                | Self::Resume
                | Self::Suspend
                | Self::Stop
                | Self::Undelete
                | Self::Delete
        )
    }

    /// Whether it changes a backup instance, or could.
    pub fn writes_instance(self) -> bool {
        self.writes_azure() && !matches!(self, Self::Validate | Self::ValidateChange)
    }

    /// Whether it goes to Azure.
    pub fn is_azure(self) -> bool {
        let reads =
            matches!(self, Self::GetVault | Self::GetInstance | Self::GetDeleted | Self::ListInstances | Self::Poll);
        reads || self.writes_azure()
    }

    /// Whether it changes the object itself.
    pub fn writes_object(self) -> bool {
        matches!(self, Self::PatchFinalizers | Self::ApplyStatus)
    }
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Since the simulation began.
    pub at: Duration,
    /// Which replica sent it; empty where there is one operator alone.
    pub replica: &'static str,
    pub call: Call,
    /// The name of the object or backup instance.
    pub about: String,
    /// The status with which the fake answered; `None` if the request never arrived.
    pub answer: Option<u16>,
    /// What happened to it on the way.
    pub fault: Option<Fault>,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, replica, call, about, answer, fault } = self;
        let answer = answer.map_or_else(|| "-".to_owned(), |status| status.to_string());
        write!(f, "{:>10.3} s  {replica}{:<16} {answer:<4} {about}", at.as_secs_f64(), format!("{call:?}"))?;
        fault.iter().try_for_each(|fault| write!(f, "  ! {fault:?}"))
    }
}
