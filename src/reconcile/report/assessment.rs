//! What a pass concludes: the vocabulary of `assess` and `trouble`, and the one rule on what may replace what.

use std::time::Duration;

use crate::api::conditions::{self, ConditionType, Finding};
use crate::api::v1alpha1::{DriftItem, Issue, IssueSource};
use crate::api::{PostgresBackupStatus, Reason};
use crate::azure::{ErrorClass, ProtectionState, ServiceError};
use crate::reconcile::plan::drift;
use crate::reconcile::schedule::Next;
use crate::reconcile::validate::{Lifecycle, Target};

/// What a conclusion is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the object is about.
    pub target: &'a Target,
    /// Whether it is deleted.
    pub lifecycle: Lifecycle,
    /// Its status so far.
    pub previous: &'a PostgresBackupStatus,
    /// Its `metadata.generation`.
    pub generation: i64,
    /// How long to wait between two looks at an operation.
    pub poll_after: Duration,
    /// The protection state of the backup instance, where it was read.
    pub state: Option<&'a ProtectionState>,
    /// What Azure says keeps the database from being protected, where it was read.
    pub protection_error: Option<&'a ServiceError>,
    /// Which other backup instance was found to protect the database.
    pub protector: Option<&'a Protector>,
    /// The URI of the secret that it names.
    pub secret: Option<&'a str>,
}

/// A backup instance of the same vault that protects the database under another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protector {
    /// Its name.
    pub name: String,
    /// Whether the object can still be told to use it: once set, `backupInstanceName` stays.
    pub can_be_named: bool,
}

impl Protector {
    /// How to adopt it.
    #[must_use]
    pub fn adoption(&self) -> String {
        let Self { name, can_be_named } = self;
        let line = format!("spec.backupInstanceName: {name}");
        if *can_be_named {
            format!("The backup instance {name} of the same vault protects it. To adopt it, set {line}")
        } else {
            format!(
                "The backup instance {name} of the same vault protects it. To adopt it, delete this object and create it \
                 again with {line}"
            )
        }
    }
}

impl Subject<'_> {
    /// The backup instance, for messages.
    #[must_use]
    pub fn instance(&self) -> String {
        format!("the backup instance {} in the vault {}", self.target.instance.name(), self.target.vault().name())
    }

    /// Whether status answers the present generation.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.previous.observed_generation == self.generation
    }

    /// Whether status says that the object is where it should be, at the present generation.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_answered() && conditions::is_true(&self.previous.conditions, ConditionType::Ready)
    }

    /// Whether status tells of trouble at the present generation that was said by one of `sources`.
    #[must_use]
    pub fn is_troubled(&self, sources: &[IssueSource]) -> bool {
        let said = |issue: &Issue| sources.contains(&issue.source);
        self.is_answered() && !self.was_paused() && self.previous.issues.iter().any(said)
    }

    /// Whether status tells, at the present generation, that Azure did not judge the specification when asked.
    #[must_use]
    pub fn cannot_validate(&self) -> bool {
        let ready = conditions::find(&self.previous.conditions, ConditionType::Ready);
        self.is_answered() && ready.is_some_and(|ready| ready.reason == Reason::CannotValidate.as_str())
    }

    /// Whether status asks a person for something, or tells of trouble, at the present generation.
    #[must_use]
    pub fn is_told(&self) -> bool {
        use IssueSource::{Observation, Operation, Protection, Specification, Validation};

        let stalled = conditions::is_true(&self.previous.conditions, ConditionType::Stalled);
        let troubled = self.is_troubled(&[Observation, Operation, Protection, Specification, Validation]);
        self.is_answered() && !self.was_paused() && (stalled || troubled)
    }

    /// Whether status still says that the operator is held off.
    fn was_paused(&self) -> bool {
        conditions::find(&self.previous.conditions, ConditionType::Paused).is_some()
    }

    /// The conclusion from an attempt that is under way: it says nothing new about trouble that it is an attempt to end.
    #[must_use]
    pub fn attempt(&self, ending: &[IssueSource], assessment: Assessment) -> Conclusion {
        if self.is_troubled(ending) { Conclusion::Unchanged(assessment.next) } else { Conclusion::Changed(assessment) }
    }
}

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
    pub(in crate::reconcile) fn new(
        progress: Progress,
        reason: Reason,
        message: impl Into<String>,
        next: Next,
    ) -> Self {
        let message = message.into();
        Self { progress, reason, message, validated: None, synced: None, protected: None, issues: Vec::new(), next }
    }

    pub(in crate::reconcile) fn working(reason: Reason, message: impl Into<String>, next: Next) -> Self {
        Self::new(Progress::Working, reason, message, next)
    }

    pub(in crate::reconcile) fn stuck(reason: Reason, message: impl Into<String>) -> Self {
        let next = Next::BackOff(ErrorClass::Request, None);
        Self::new(Progress::Stuck, reason, message, next)
    }

    pub(in crate::reconcile) fn validated(mut self, finding: Finding) -> Self {
        self.validated = Some(finding);
        self
    }

    pub(in crate::reconcile) fn synced(mut self, finding: Finding) -> Self {
        self.synced = Some(finding);
        self
    }

    pub(in crate::reconcile) fn protected(mut self, finding: Finding) -> Self {
        self.protected = Some(finding);
        self
    }

    /// Says of the database's protection what Azure was seen to say.
    pub(in crate::reconcile) fn protected_as(self, state: Option<&ProtectionState>) -> Self {
        match state {
            Some(state) => self.protected(protection_shown(state)),
            None => self,
        }
    }

    pub(in crate::reconcile) fn unsynced_drift(self, drift: &[DriftItem]) -> Self {
        self.synced(drift_shown(drift))
    }

    pub(in crate::reconcile) fn not_created(self) -> Self {
        let finding = || Finding::no(Reason::NotCreated, "The backup instance does not exist yet.");
        self.synced(finding()).protected(finding())
    }
}

/// `Protected` of a backup instance that Azure shows in this state.
pub(in crate::reconcile) fn protection_shown(state: &ProtectionState) -> Finding {
    use ProtectionState as State;

    let reason = match state {
        State::ProtectionConfigured => {
            return Finding::yes(Reason::Protected, "Azure reports the database as protected.");
        }
        State::ConfiguringProtection | State::UpdatingProtection => Reason::Configuring,
        state if drift::is_at_rest(state) => Reason::ProtectionStopped,
        _ => Reason::ProtectionError,
    };
    Finding::no(reason, format!("Azure shows the backup instance as {state}."))
}

/// What differs, for a sentence.
pub(in crate::reconcile) fn fields(drift: &[DriftItem]) -> String {
    drift.iter().map(|item| item.field.as_str()).collect::<Vec<_>>().join(", ")
}

/// `Synced` of a backup instance that differs so.
pub(in crate::reconcile) fn drift_shown(drift: &[DriftItem]) -> Finding {
    let message = format!("The backup instance differs from the specification in {}.", fields(drift));
    Finding::no(Reason::DriftDetected, message)
}

/// `Validated` of a backup instance that exists as the specification asks.
pub(in crate::reconcile) fn accepted() -> Finding {
    Finding::yes(Reason::Accepted, "The backup instance exists: Azure has accepted the request.")
}
