//! The stages in the life of the backup instance, the requests that lead from one to the next, and what a request is.

use std::fmt;

use postgres_backup_operator::azure::{Operation, ProtectionState};

/// Where the instance must be for a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The trial has nothing to do with the instance, and writes nothing.
    Anywhere,
    /// At rest.
    At(Rest),
    /// While a request is being carried out.
    During(Course),
}

/// A stage in which the instance stays until somebody does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There is no instance, and none that is soft-deleted.
    Absent,
    /// `ProtectionConfigured`.
    Protected,
    /// `ProtectionStopped`.
    Stopped,
    /// `BackupsSuspended`, or the schema's word for it.
    Suspended,
    /// There is no instance, but one that can be undeleted.
    SoftDeleted,
}

/// A request that is being carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// The first PUT.
    Creating,
    /// stopProtection.
    Stopping,
    /// resumeProtection.
    Resuming,
    /// DELETE.
    Deleting,
}

/// A request about the instance of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// validateForBackup.
    Validate,
    /// validateForBackup under the other policy.
    ValidateOther,
    /// validateForModifyBackup.
    ValidateChange(Content),
    /// The PUT that creates the instance.
    Create,
    /// A PUT on the instance that is there.
    Put(Content),
    /// stopProtection.
    Stop,
    /// suspendBackups.
    Suspend,
    /// resumeProtection.
    Resume,
    /// resumeBackups, which the operator never sends.
    ResumeBackups,
    /// sync.
    Sync,
    /// DELETE.
    Delete,
    /// DELETE with the newest api-version that does not soft-delete where the vault's soft delete is off.
    DeleteForGood,
    /// undelete.
    Undelete,
}

/// What is written over an instance that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What it has already.
    Unchanged,
    /// The other one of the two policies.
    OtherPolicy,
    /// A policy that does not exist.
    MissingPolicy,
    /// A member that no api-version has.
    UnknownMember,
    /// A protection state other than the one it has.
    OtherState,
    /// A tag whose name has a `/`.
    TagWithSlash,
}

impl Rest {
    /// The stage of an instance in this state; nothing if it is on its way, or in trouble.
    #[must_use]
    pub fn of(state: &ProtectionState) -> Option<Self> {
        match state {
            ProtectionState::ProtectionConfigured => Some(Self::Protected),
            ProtectionState::ProtectionStopped => Some(Self::Stopped),
            ProtectionState::BackupsSuspended | ProtectionState::BackupSchedulesSuspended => Some(Self::Suspended),
            _ => None,
        }
    }

    /// The request that brings the instance closer to another stage; nothing if it cannot get there.
    #[must_use]
    pub fn step_to(self, to: Self) -> Option<Request> {
        match (self, to) {
            (_, Self::Absent) => None,
            (Self::Absent, _) => Some(Request::Create),
            (Self::SoftDeleted, _) => Some(Request::Undelete),
            (_, Self::SoftDeleted) => Some(Request::Delete),
            (Self::Protected, Self::Stopped) => Some(Request::Stop),
            (Self::Protected, Self::Suspended) => Some(Request::Suspend),
            // From one to the other through protection, as the operator does it.
            (Self::Stopped | Self::Suspended | Self::Protected, _) => Some(Request::Resume),
        }
    }
}

impl Course {
    /// Where it begins.
    #[must_use]
    pub fn begins_at(self) -> Rest {
        match self {
            Self::Creating => Rest::Absent,
            Self::Stopping | Self::Deleting => Rest::Protected,
            Self::Resuming => Rest::Stopped,
        }
    }

    /// What begins it.
    #[must_use]
    pub fn request(self) -> Request {
        match self {
            Self::Creating => Request::Create,
            Self::Stopping => Request::Stop,
            Self::Resuming => Request::Resume,
            Self::Deleting => Request::Delete,
        }
    }
}

impl Request {
    /// The operator's operation that it is, or is most like.
    #[must_use]
    pub fn operation(self) -> Operation {
        match self {
            Self::Validate | Self::ValidateOther => Operation::ValidateForBackup,
            Self::ValidateChange(_) => Operation::ValidateForModifyBackup,
            Self::Create | Self::Put(_) => Operation::PutBackupInstance,
            Self::Stop => Operation::StopProtection,
            Self::Suspend => Operation::SuspendBackups,
            Self::Resume | Self::ResumeBackups => Operation::ResumeProtection,
            Self::Sync => Operation::SyncBackupInstance,
            Self::Delete | Self::DeleteForGood => Operation::DeleteBackupInstance,
            Self::Undelete => Operation::UndeleteBackupInstance,
        }
    }

    /// Whether the instance may be another one afterwards. A validation only looks.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Validate | Self::ValidateOther | Self::ValidateChange(_))
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Protected => "protected",
            Self::Stopped => "stopped",
            Self::Suspended => "suspended",
            Self::SoftDeleted => "soft-deleted",
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anywhere => f.write_str("any state"),
            Self::At(rest) => rest.fmt(f),
            Self::During(course) => f.write_str(match course {
                Course::Creating => "being created",
                Course::Stopping => "being stopped",
                Course::Resuming => "being resumed",
                Course::Deleting => "being deleted",
            }),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validate | Self::ValidateOther => "validateForBackup",
            Self::ValidateChange(_) => "validateForModifyBackup",
            Self::Create | Self::Put(_) => "PUT",
            Self::Stop => "stopProtection",
            Self::Suspend => "suspendBackups",
            Self::Resume => "resumeProtection",
            Self::ResumeBackups => "resumeBackups",
            Self::Sync => "sync",
            Self::Delete | Self::DeleteForGood => "DELETE",
            Self::Undelete => "undelete",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESTS: [Rest; 5] = [Rest::Absent, Rest::Protected, Rest::Stopped, Rest::Suspended, Rest::SoftDeleted];

    fn after(request: Request) -> Rest {
        match request {
            Request::Create | Request::Resume => Rest::Protected,
            Request::Stop | Request::Undelete => Rest::Stopped,
            Request::Suspend => Rest::Suspended,
            Request::Delete => Rest::SoftDeleted,
            other => panic!("{other} leads nowhere"),
        }
    }

    #[test]
    fn every_stage_is_reached_from_every_other_but_for_a_clean_vault() {
        for from in RESTS {
            for to in RESTS.into_iter().filter(|to| *to != from) {
                let mut at = from;
                let steps = std::iter::from_fn(|| {
                    let request = (at != to).then(|| at.step_to(to)).flatten()?;
                    at = after(request);
                    Some(request)
                });
                let steps: Vec<_> = steps.take(5).collect();
                assert_eq!(at == to, to != Rest::Absent, "from {from} to {to}: {steps:?}");
            }
        }
    }

    #[test]
    fn stopped_and_suspended_never_change_places_directly() {
        assert_eq!(Rest::Stopped.step_to(Rest::Suspended), Some(Request::Resume));
        assert_eq!(Rest::Suspended.step_to(Rest::Stopped), Some(Request::Resume));
    }
}
