//! What a pass finds: the vocabulary between looking and planning.

use std::time::Duration;

use super::neighbours::Claim;
use crate::api::v1alpha1::OperationKind;
use crate::azure::{AzureError, DeletedInstance, Instance, InstanceRequest, RequestHash, ServiceError};
use crate::reconcile::flight::{Flight, Stage};

/// What a pass found, and what is to be remembered of it.
#[derive(Debug)]
pub struct Look {
    /// What is there.
    pub observed: Observed,
    /// The request under way, as far as it has come.
    pub flight: Option<Flight>,
}

impl Look {
    /// A look that has found this, after the last request that is still of interest.
    #[must_use]
    pub fn of(found: Found, flight: Option<Flight>) -> Self {
        Self { observed: Observed::Seen { found, sent: flight.as_ref().map(Sent::of) }, flight }
    }
}

/// A look that Azure did not let a pass finish.
#[derive(Debug)]
pub struct Unfinished {
    /// What Azure answered instead.
    pub error: AzureError,
    /// What was seen until then.
    pub sight: Sight,
}

/// What an unfinished look has seen of the backup instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: what was read before may still be so.
    Nothing,
    /// That it does not exist.
    Absence,
}

impl From<AzureError> for Unfinished {
    fn from(error: AzureError) -> Self {
        Self { error, sight: Sight::Nothing }
    }
}

/// What a pass found in Azure.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per pass, and none is kept")]
pub enum Observed {
    /// Azure still works on our request; nothing else was read.
    Running {
        /// The request.
        kind: OperationKind,
        /// How long Azure asks to wait before the next look.
        poll_after: Duration,
    },
    /// The backup instance was looked for.
    Seen {
        /// What there is of it.
        found: Found,
        /// The last request to Azure that is still of interest.
        sent: Option<Sent>,
    },
}

impl Observed {
    /// What there is of the backup instance, if it was looked for.
    #[must_use]
    pub fn found(&self) -> Option<&Found> {
        match self {
            Self::Seen { found, .. } => Some(found),
            Self::Running { .. } => None,
        }
    }

    /// The backup instance, if it was read.
    #[must_use]
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Seen { found: Found::Instance { instance, .. }, .. } => Some(instance),
            Self::Seen { .. } | Self::Running { .. } => None,
        }
    }
}

/// What there is of a backup instance.
#[derive(Clone, Debug)]
pub enum Found {
    /// It does not exist.
    Nothing,
    /// It was deleted, and can be brought back.
    SoftDeleted {
        /// As it was.
        deleted: Box<DeletedInstance>,
        /// Whose it is.
        claim: Claim,
        /// The backup instance of the same vault that protects the database by now.
        replacement: Option<String>,
    },
    /// It exists.
    Instance {
        /// As Azure shows it.
        instance: Box<Instance>,
        /// Whose it is.
        claim: Claim,
    },
}

/// The request that the specification amounts to.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its content.
    pub request: InstanceRequest,
    /// The hash of its content.
    pub hash: RequestHash,
}

/// A request to Azure that was recorded before it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What was asked.
    pub kind: OperationKind,
    /// With which content.
    pub request: RequestHash,
    /// What became of it.
    pub fate: Fate,
    /// Whether it, or an earlier attempt at it, may take effect after now.
    pub may_still_land: bool,
}

/// What became of a recorded request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is stored, and can be sent.
    Unsent,
    /// Azure accepted it, and the effect may show any moment.
    Accepted,
    /// Nobody knows whether it reached Azure, or whether Azure is done with it; the effect may show any moment.
    Lost,
    /// Its operation failed, or Azure said no to a question.
    Failed(ServiceError),
    /// It was a question that Azure does not answer.
    Unjudged,
    /// It is over: whatever effect it had shows.
    Over,
}

impl Sent {
    /// What a flight means for the plan.
    #[must_use]
    pub fn of(flight: &Flight) -> Self {
        let changes = flight.kind.changes_azure();
        let may_still_land = changes && flight.may_still_land();
        let fate = match &flight.stage {
            Stage::Failed(error) => Fate::Failed(error.clone()),
            Stage::Unjudged => Fate::Unjudged,
            Stage::Unsent => Fate::Unsent,
            Stage::Succeeded if !changes || may_still_land => Fate::Accepted,
            Stage::Lost | Stage::Running(_) if may_still_land => Fate::Lost,
            Stage::Succeeded | Stage::Lost | Stage::Running(_) => Fate::Over,
        };
        Self { kind: flight.kind, request: flight.request.clone(), fate, may_still_land }
    }
}
