//! What a pass can do: the vocabulary of the plan.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::azure::{InstanceRequest, ProtectionState, RequestHash, ServiceError};
use crate::reconcile::validate::Target;

/// What a pass does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Store that a request that changes Azure is about to be sent.
    Intend(Mutation, RequestHash),
    /// Send a request: a validation, or what was stored.
    Send(Request, RequestHash),
    /// Look again later.
    Wait(Waiting),
    /// Nothing: what is asked for is reached.
    Rest(Rest),
    /// Nothing: something stands in the way.
    Blocked(Blocker),
    /// Let the deleted object go.
    Release(Release),
}

/// A request that changes Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// PUT of a backup instance that does not exist.
    Create,
    /// PUT of a backup instance that differs.
    Update,
    /// A request without content of its own.
    Act(Action),
}

/// A request that says all by its verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `resumeProtection`.
    Resume,
    /// `suspendBackups`.
    Suspend,
    /// `stopProtection`.
    Stop,
    /// `undelete`.
    Undelete,
    /// DELETE.
    Delete,
}

impl Mutation {
    /// The word for it in status.
    #[must_use]
    pub fn kind(self) -> OperationKind {
        match self {
            Self::Create => OperationKind::Create,
            Self::Update => OperationKind::Update,
            Self::Act(action) => action.kind(),
        }
    }
}

impl Action {
    /// The word for it in status.
    #[must_use]
    pub fn kind(self) -> OperationKind {
        match self {
            Self::Resume => OperationKind::Resume,
            Self::Suspend => OperationKind::Suspend,
            Self::Stop => OperationKind::Stop,
            Self::Undelete => OperationKind::Undelete,
            Self::Delete => OperationKind::Delete,
        }
    }

    /// What stands for its content in the record.
    #[must_use]
    pub fn hash(self, target: &Target) -> RequestHash {
        let instance = target.instance.to_string().to_lowercase();
        RequestHash::of_text(&format!("{:?} {instance}", self.kind()))
    }
}

/// A request to Azure with its content.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `validateForBackup`: would Azure accept this?
    Validate(Box<InstanceRequest>),
    /// `validateForModifyBackup`: would Azure accept these properties of a backup instance that exists?
    ValidateChange(Value),
    /// PUT of a backup instance that does not exist, with this body.
    Create(Value),
    /// PUT of a backup instance that differs, with this body.
    Update(Value),
    /// `sync`: asks Azure to try again to protect what it could not.
    Sync,
    /// A request without content of its own.
    Act(Action),
}

impl Request {
    /// The word for it in status.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Validate(_) => OperationKind::Validate,
            Self::ValidateChange(_) => OperationKind::ValidateChange,
            Self::Create(_) => OperationKind::Create,
            Self::Update(_) => OperationKind::Update,
            Self::Sync => OperationKind::Sync,
            Self::Act(action) => action.kind(),
        }
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// Azure works on a request of ours.
    Operation {
        /// The request.
        kind: OperationKind,
        /// How long Azure asks to wait.
        poll_after: Duration,
    },
    /// The backup instance is on its way to another state.
    Transition(ProtectionState),
    /// A request was sent, and its effect may show any moment.
    Outcome(OperationKind, Certainty),
}

/// What is known of a request whose effect is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Azure has accepted it.
    Accepted,
    /// Its answer was lost.
    Lost,
}

/// What is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The database is protected, and nothing differs.
    Protected,
    /// Backups are suspended or stopped on request; Azure shows this state.
    AtRest(ProtectionState),
    /// Azure's validation accepts what this hash stands for; nothing is changed.
    Validated(RequestHash),
    /// The backup instance equals what is asked for, so there is nothing to validate.
    NothingToValidate,
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Blocker {
    /// Azure refused a request, or its operation failed.
    Refused(OperationKind, ServiceError),
    /// The backup instance is in a state that is not protection.
    Unprotected(ProtectionState, Option<ServiceError>),
    /// A backup instance of this name protects another database.
    DatasourceMismatch(String),
    /// The backup instance's owner tag is another's.
    OwnedByAnother(String),
    /// The mode forbids creating the backup instance.
    NotCreated,
    /// The mode forbids bringing the backup instance back from soft delete.
    SoftDeleted {
        /// Until when it can be brought back, if Azure says so.
        until: Option<Timestamp>,
    },
    /// The backup instance is soft-deleted, and this one has come to protect the database.
    Replaced(String),
    /// The mode forbids correcting the differences.
    Drifted,
    /// Somebody keeps undoing what this kind of request puts right.
    Contested(OperationKind),
    /// Azure cannot say whether it would accept a change of the backup instance in this state.
    CannotValidate(ProtectionState),
    /// The api-version does not have this request.
    NotSupported(OperationKind),
    /// This object is about to take the backup instance of the deleted one over.
    HandingOver(String),
    /// Too many deletions at once.
    HeldByBrake,
    /// Nobody could undo the deletion, and nobody has confirmed it.
    Irreversible,
}

/// Why a deleted object is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The backup instance that was to be deleted is gone.
    Deleted {
        /// Until when it can be brought back, if Azure says so.
        until: Option<Timestamp>,
    },
    /// There is no backup instance.
    NothingToDelete,
    /// Backups are stopped, as `deletionPolicy: StopProtection` asks.
    Stopped,
    /// Azure takes no backups that `deletionPolicy: StopProtection` could stop.
    NothingToStop,
    /// The backup instance stays, as `deletionPolicy: Retain` or the mode asks.
    Retained,
    /// The same, but Azure had already accepted to delete it.
    RetainedTooLate,
    /// Another object takes the backup instance over.
    HandedOver,
    /// The backup instance is not this object's to delete.
    NotOurs,
}

/// A decision with what it rests on, for status.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the pass does.
    pub step: Step,
    /// Where the backup instance differs.
    pub drift: Vec<DriftItem>,
}

impl From<Step> for Plan {
    fn from(step: Step) -> Self {
        Self { step, drift: Vec::new() }
    }
}
