//! What a pass can do: the vocabulary of the plan.

use std::time::Duration;

use serde_json::Value;

use crate::api::v1alpha1::{DriftItem, OperationKind};
use crate::azure::{InstanceRequest, ProtectionState, RequestHash, ServiceError};

/// What a pass does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Store that a request that changes Azure is about to be sent.
    Intend(Mutation, RequestHash),
    /// Send a request: a validation, or what was stored.
    Send(Request, RequestHash),
    /// Look again later.
    Wait(Waiting),
    /// Nothing: protected, and nothing differs.
    Rest,
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
    /// DELETE of the backup instance.
    Delete,
}

impl Mutation {
    /// The word for it in status.
    #[must_use]
    pub fn kind(self) -> OperationKind {
        match self {
            Self::Create => OperationKind::Create,
            Self::Update => OperationKind::Update,
            Self::Delete => OperationKind::Delete,
        }
    }
}

/// A request to Azure with its content.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `validateForBackup`: would Azure accept this?
    Validate(Box<InstanceRequest>),
    /// PUT of a backup instance that does not exist, with this body.
    Create(Value),
    /// PUT of a backup instance that differs, with this body.
    Update(Value),
    /// `sync`: asks Azure to try again to protect what it could not.
    Sync,
    /// DELETE of the backup instance.
    Delete,
}

impl Request {
    /// The word for it in status.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Validate(_) => OperationKind::Validate,
            Self::Create(_) => OperationKind::Create,
            Self::Update(_) => OperationKind::Update,
            Self::Sync => OperationKind::Sync,
            Self::Delete => OperationKind::Delete,
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
}

/// Why a deleted object is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The backup instance that was to be deleted is gone.
    Deleted,
    /// There is no backup instance.
    NothingToDelete,
    /// The backup instance stays, as `deletionPolicy: Retain` asks.
    Retained,
    /// The same, but Azure had already accepted to delete it.
    RetainedTooLate,
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
