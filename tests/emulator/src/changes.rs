//! What operations are for, and what their end brings about.

use std::time::Duration;

use crate::clock::Moment;
use crate::engine::Engine;
use crate::errors::{Incident, UserFacingError};
use crate::id::ResourceId;
use crate::instance::{Instance, ProvisioningState, Tags};
use crate::operations::{Operation, Outcome};
use crate::spec::InstanceSpec;
use crate::state::ProtectionState;
use crate::validate;

/// How long recovery points live: as the policy that a seed need not spell out says. (Retention of other policies is
/// not looked at.)
const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What an operation is for.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// The request is judged by what is there when it ends.
    Validate(Box<InstanceSpec>),
    /// An instance changes.
    Change(Box<Subject>, Change),
}

/// The instance that an operation changes, and how it was before.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    instance: ResourceId,
    incarnation: u64,
    state: ProtectionState,
    error: Option<Incident>,
}

impl Subject {
    fn of(instance: &Instance) -> Self {
        Self {
            instance: instance.id.clone(),
            incarnation: instance.incarnation,
            state: instance.state,
            error: instance.error.clone(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The first PUT's operation ends; protection goes on being configured.
    Create,
    /// A PUT on an existing instance takes effect.
    Update { spec: Box<InstanceSpec>, tags: Tags, then: Then },
    /// The instance goes.
    Delete { soft: bool },
    /// Backups stop.
    Halt(ProtectionState),
    /// Backups run again.
    Resume,
    /// The prerequisites are looked at again.
    Sync,
}

/// What a PUT leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Prerequisites are looked at once more, at once.
    Evaluate,
    /// Protection is configured anew.
    Configure,
    /// The state stays.
    Keep,
}

impl Work {
    /// A change of this instance, which is as it was before.
    pub(crate) fn on(instance: &Instance, change: Change) -> Self {
        Self::Change(Box::new(Subject::of(instance)), change)
    }

    /// Whether it changes this instance.
    pub(crate) fn concerns(&self, instance: &Instance) -> bool {
        matches!(self, Self::Change(subject, _)
            if subject.instance == instance.id && subject.incarnation == instance.incarnation)
    }

    /// Whether it looks at prerequisites only.
    pub(crate) fn is_sync(&self) -> bool {
        matches!(self, Self::Change(_, Change::Sync))
    }

    pub(crate) fn is_delete(&self) -> bool {
        matches!(self, Self::Change(_, Change::Delete { .. }))
    }
}

impl Engine {
    pub(crate) fn end(&mut self, due: Moment, id: &str) {
        let Some(operation) = self.operations.get(id).cloned() else {
            return;
        };
        let failure = self.finish(due, &operation);
        let ended = self.clock.real(due);
        if let Some(operation) = self.operations.get_mut(id) {
            operation.outcome = Some(Outcome { ended, failure });
        }
    }

    /// Does what the operation was for. Returns why it failed, if it did.
    fn finish(&mut self, due: Moment, operation: &Operation) -> Option<Incident> {
        let incident = |error| Incident { error, activity_id: operation.correlation_id.clone() };
        match &operation.work {
            Work::Validate(spec) => {
                let judge = || {
                    let vault = self.world.vault(&operation.vault)?;
                    let request = validate::request(&self.world, vault, spec, operation.version);
                    request.err().or_else(|| self.lacking(&operation.vault, spec, due))
                };
                operation.doom.clone().or_else(judge).map(incident)
            }
            Work::Change(subject, change) => {
                let instance = self.current(&subject.instance, subject.incarnation)?;
                if instance.state == ProtectionState::SoftDeleting && !operation.work.is_delete() {
                    // A DELETE came in between and has the last word. (Inferred.)
                    return None;
                }
                match operation.doom.clone().map(incident) {
                    Some(incident) => {
                        self.undo(due, subject, change, &incident);
                        Some(incident)
                    }
                    None => self.carry_out(due, operation, subject, change).map(incident),
                }
            }
        }
    }

    fn carry_out(
        &mut self,
        due: Moment,
        operation: &Operation,
        subject: &Subject,
        change: &Change,
    ) -> Option<UserFacingError> {
        let (id, incarnation) = (&subject.instance, subject.incarnation);
        let instance = self.current(id, incarnation)?;
        match change {
            Change::Create => instance.provisioning = ProvisioningState::Succeeded,
            Change::Update { spec, tags, then } => {
                instance.spec = (**spec).clone();
                instance.tags = tags.clone();
                match then {
                    Then::Keep => self.restore(due, subject),
                    Then::Evaluate => {
                        instance.state = ProtectionState::ConfiguringProtection;
                        self.decide(due, id, incarnation, &operation.correlation_id);
                    }
                    Then::Configure => self.configure(due, id, incarnation, &operation.correlation_id),
                }
            }
            Change::Delete { soft } => self.remove(operation, id, *soft),
            Change::Halt(state) => {
                instance.state = *state;
                instance.error = None;
                instance.recovery_points_until = instance.recovery_points_until.map(|_| due + RETENTION);
            }
            Change::Resume | Change::Sync => {
                let (vault, spec) = (instance.vault.clone(), instance.spec.clone());
                let Some(error) = self.lacking(&vault, &spec, due) else {
                    self.protect(due, id, incarnation);
                    return None;
                };
                if matches!(change, Change::Sync) {
                    // Recorded: the instance shows the error that the operation failed with.
                    let instance = self.current(id, incarnation)?;
                    instance.state = ProtectionState::ProtectionError;
                    instance.error =
                        Some(Incident { error: error.clone(), activity_id: operation.correlation_id.clone() });
                } else {
                    // Inferred: what cannot be resumed stays as it was.
                    self.restore(due, subject);
                }
                return Some(error);
            }
        }
        None
    }

    /// A fault lets the operation fail. (What Azure leaves behind is inferred: all as it was before.)
    fn undo(&mut self, due: Moment, subject: &Subject, change: &Change, incident: &Incident) {
        if !matches!(change, Change::Create) {
            return self.restore(due, subject);
        }
        if let Some(instance) = self.current(&subject.instance, subject.incarnation) {
            instance.state = ProtectionState::ConfiguringProtectionFailed;
            instance.provisioning = ProvisioningState::Failed;
            instance.error = Some(incident.clone());
        }
    }

    fn restore(&mut self, due: Moment, subject: &Subject) {
        let (id, incarnation) = (&subject.instance, subject.incarnation);
        if subject.state.is_busy() {
            // What was under way has been dropped meanwhile and starts anew.
            return self.configure(due, id, incarnation, "");
        }
        if let Some(instance) = self.current(id, incarnation) {
            instance.state = subject.state;
            instance.error = subject.error.clone();
        }
    }

    fn configure(&mut self, due: Moment, id: &ResourceId, incarnation: u64, activity_id: &str) {
        let takes = self.random.within(&self.timing.configure);
        if let Some(instance) = self.current(id, incarnation) {
            instance.state = ProtectionState::ConfiguringProtection;
            instance.error = None;
            // However the first operation ended, this one begins where it should have.
            instance.provisioning = ProvisioningState::Succeeded;
        }
        self.schedule_decision(id, incarnation, activity_id, due + takes);
    }

    /// The prerequisite of protection that is missing at this moment.
    pub(crate) fn lacking(&self, vault: &ResourceId, spec: &InstanceSpec, at: Moment) -> Option<UserFacingError> {
        let permit =
            |principal, resource: &ResourceId| self.permissions.at(at).any(|grant| grant.permits(principal, resource));
        validate::prerequisites(&self.world, &permit, self.world.vault(vault)?, spec).err()
    }

    /// `ProtectionConfigured`, or `ProtectionError` when a prerequisite is missing at this time.
    pub(crate) fn decide(&mut self, due: Moment, id: &ResourceId, incarnation: u64, activity_id: &str) {
        let Some(instance) = self.current(id, incarnation) else {
            return;
        };
        if instance.state == ProtectionState::ConfiguringProtection {
            self.judge(due, id, incarnation, activity_id);
        }
    }

    /// A protected instance has lost a prerequisite, unless it is there again.
    pub(crate) fn notice(&mut self, due: Moment, id: &ResourceId, incarnation: u64) {
        let is_protected = |instance: &mut Instance| instance.state == ProtectionState::ProtectionConfigured;
        if self.current(id, incarnation).is_some_and(is_protected) {
            let activity_id = self.random.guid().to_string();
            self.judge(due, id, incarnation, &activity_id);
        }
    }

    fn judge(&mut self, due: Moment, id: &ResourceId, incarnation: u64, activity_id: &str) {
        let Some(instance) = self.current(id, incarnation) else {
            return;
        };
        let (vault, spec) = (instance.vault.clone(), instance.spec.clone());
        let Some(error) = self.lacking(&vault, &spec, due) else {
            return self.protect(due, id, incarnation);
        };
        if let Some(instance) = self.current(id, incarnation) {
            instance.state = ProtectionState::ProtectionError;
            instance.error = Some(Incident { error, activity_id: activity_id.to_owned() });
        }
    }

    fn protect(&mut self, due: Moment, id: &ResourceId, incarnation: u64) {
        if let Some(instance) = self.current(id, incarnation) {
            instance.state = ProtectionState::ProtectionConfigured;
            instance.error = None;
            instance.recovery_points_until = Some(due + RETENTION);
        }
    }

    pub(crate) fn current(&mut self, id: &ResourceId, incarnation: u64) -> Option<&mut Instance> {
        self.instances.get_mut(id).filter(|instance| instance.incarnation == incarnation)
    }
}
