//! What a pass concludes: the vocabulary of `assess` and `trouble`.

use super::schedule::Next;
use crate::api::Reason;
use crate::api::conditions::Finding;
use crate::api::v1alpha1::Issue;
use crate::azure::ErrorClass;

/// What a pass concludes.
#[derive(Clone, Debug, PartialEq)]
pub enum Conclusion {
    /// What status says stays true, as far as this pass can tell.
    Unchanged(Next),
    /// Status is to say this.
    Changed(Assessment),
}

/// What status is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// How far the object has come.
    pub progress: Progress,
    /// Why, for `Ready`.
    pub reason: Reason,
    /// Why, as a sentence.
    pub message: String,
    /// `Validated`, where the pass has learned something about it.
    pub validated: Option<Finding>,
    /// `Synced`, likewise.
    pub synced: Option<Finding>,
    /// `Protected`, likewise.
    pub protected: Option<Finding>,
    /// What stands in the way.
    pub issues: Vec<Issue>,
    /// When to look again.
    pub next: Next,
}

/// How far an object has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The state asked for is reached.
    Done,
    /// Azure or the operator works on it.
    Working,
    /// Something stands in the way that may go away by itself.
    Troubled,
    /// A person must change something.
    Stuck,
}

impl Assessment {
    pub(super) fn new(progress: Progress, reason: Reason, message: impl Into<String>, next: Next) -> Self {
        let message = message.into();
        Self { progress, reason, message, validated: None, synced: None, protected: None, issues: Vec::new(), next }
    }

    pub(super) fn working(reason: Reason, message: impl Into<String>, next: Next) -> Self {
        Self::new(Progress::Working, reason, message, next)
    }

    pub(super) fn stuck(reason: Reason, message: impl Into<String>) -> Self {
        let next = Next::BackOff(ErrorClass::Request, None);
        Self::new(Progress::Stuck, reason, message, next)
    }

    pub(super) fn validated(mut self, finding: Finding) -> Self {
        self.validated = Some(finding);
        self
    }

    pub(super) fn synced(mut self, finding: Finding) -> Self {
        self.synced = Some(finding);
        self
    }

    pub(super) fn protected(mut self, finding: Finding) -> Self {
        self.protected = Some(finding);
        self
    }

    pub(super) fn not_created(self) -> Self {
        let finding = || Finding::no(Reason::NotCreated, "The backup instance does not exist yet.");
        self.synced(finding()).protected(finding())
    }
}

/// `Validated` of a backup instance that exists.
pub(super) fn accepted() -> Finding {
    Finding::yes(Reason::Accepted, "The backup instance exists: Azure has accepted the request.")
}
