//! The POSTs on a backup instance: stopProtection, suspendBackups, resumeProtection, resumeBackups, sync, and
//! validateForModifyBackup.
//!
//! Recorded: stopProtection and suspendBackups of a protected instance, resumeProtection from both, resumeProtection of
//! a protected one (200 at once), resumeProtection while another instance has the datasource (400), sync of an
//! instance in `ProtectionError`. All else is inferred.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::arm::Call;
use crate::changes::{Change, Work};
use crate::engine::Engine;
use crate::errors::{Failure, UserFacingError};
use crate::guard::Critical;
use crate::http::Response;
use crate::instance::Instance;
use crate::instances::{AFTER_VALIDATE, COLLECTION};
use crate::json::Object;
use crate::refuse::{busy, wrong_state};
use crate::route::Kind;
use crate::schema;
use crate::settings::StopWhilePaused;
use crate::spec::InstanceSpec;
use crate::state::ProtectionState;
use crate::version::Feature;
use crate::world::Vault;

/// The `Retry-After` of a sync, as recorded. That of the others was taken out of the recordings; inferred.
const AFTER_ACTION: Duration = Duration::from_secs(30);

/// What can be done to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    StopProtection,
    SuspendBackups,
    ResumeProtection,
    ResumeBackups,
    Sync,
    ValidateForModify,
}

/// What becomes of an action in a state.
enum Verdict {
    /// Nothing is left to do: 200.
    Done,
    Start(Change),
    Refused,
}

impl Action {
    /// The action of this path segment, in any casing.
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        const ALL: [Action; 6] = [
            Action::StopProtection,
            Action::SuspendBackups,
            Action::ResumeProtection,
            Action::ResumeBackups,
            Action::Sync,
            Action::ValidateForModify,
        ];
        ALL.into_iter().find(|action| action.name().eq_ignore_ascii_case(segment))
    }

    /// The path segment.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StopProtection => "stopProtection",
            Self::SuspendBackups => "suspendBackups",
            Self::ResumeProtection => "resumeProtection",
            Self::ResumeBackups => "resumeBackups",
            Self::Sync => "sync",
            Self::ValidateForModify => "validateForModifyBackup",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::StopProtection => Kind::StopProtection,
            Self::SuspendBackups => Kind::SuspendBackups,
            Self::ResumeProtection => Kind::ResumeProtection,
            Self::ResumeBackups => Kind::ResumeBackups,
            Self::Sync => Kind::SyncInstance,
            Self::ValidateForModify => Kind::ValidateForModify,
        }
    }

    /// What brought it.
    pub(crate) fn feature(self) -> Feature {
        match self {
            Self::ValidateForModify => Feature::ValidateForModify,
            _ => Feature::InstanceActions,
        }
    }

    fn verdict(self, state: ProtectionState, paused: StopWhilePaused) -> Verdict {
        use ProtectionState as S;
        let halt = |to| Verdict::Start(Change::Halt(to));
        match (self, state) {
            (Self::StopProtection, S::ProtectionStopped)
            | (Self::SuspendBackups, S::BackupsSuspended)
            | (Self::ResumeProtection | Self::ResumeBackups, S::ProtectionConfigured) => Verdict::Done,
            (Self::StopProtection | Self::SuspendBackups, state)
                if state.is_paused() && paused == StopWhilePaused::Refused =>
            {
                Verdict::Refused
            }
            (Self::StopProtection, S::ProtectionConfigured | S::ProtectionError) => halt(S::ProtectionStopped),
            (Self::StopProtection, state) if state.is_paused() => halt(S::ProtectionStopped),
            (Self::SuspendBackups, S::ProtectionConfigured | S::ProtectionError) => halt(S::BackupsSuspended),
            (Self::SuspendBackups, state) if state.is_paused() => halt(S::BackupsSuspended),
            (Self::ResumeBackups, S::ProtectionStopped) => Verdict::Refused,
            (Self::ResumeProtection | Self::ResumeBackups, state) if state.is_paused() => {
                Verdict::Start(Change::Resume)
            }
            (Self::Sync, S::ProtectionConfigured | S::ProtectionError) => Verdict::Start(Change::Sync),
            _ => Verdict::Refused,
        }
    }
}

impl Engine {
    pub(crate) fn act(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        name: &str,
        action: Action,
    ) -> Result<Response, Failure> {
        let id = vault.id.child(COLLECTION, name);
        let body = call.optional_body()?;
        let instance = self.instances.get(&id).ok_or(Failure::NotFound)?.clone();
        let requests = match action {
            Action::ValidateForModify => return self.validate_for_modify(call, vault, &instance, &body),
            Action::Sync => {
                check_sync(&body, call)?;
                Vec::new()
            }
            Action::StopProtection | Action::SuspendBackups => {
                schema::check(&body, schema::STOP, call.version)?;
                guard_requests(Object::root(&body)?)
            }
            Action::ResumeProtection | Action::ResumeBackups => {
                // The newest specification has the same optional body here.
                schema::check(&body, schema::STOP, call.version)?;
                Vec::new()
            }
        };
        self.refuse_busy(&instance)?;
        let change = match action.verdict(instance.state, self.world.settings.stop_while_paused) {
            Verdict::Done => return Ok(Response::empty(StatusCode::OK)),
            Verdict::Refused => return Err(wrong_state(&instance, action.name()).into()),
            Verdict::Start(change) => change,
        };
        match change {
            Change::Halt(ProtectionState::ProtectionStopped) => {
                self.approve(vault, Critical::StopProtection, &requests)?;
            }
            Change::Halt(_) => self.approve(vault, Critical::SuspendBackups, &requests)?,
            Change::Resume => self.refuse_datasource_of_another(&instance)?,
            _ => {}
        }
        let takes = match change {
            Change::Sync => &self.timing.sync,
            Change::Resume => &self.timing.resume,
            _ => &self.timing.stop,
        };
        let takes = self.random.within(takes);
        // Recorded: the state stays during a sync. What a GET shows during the others was not recorded; it is inferred
        // from what Terraform's provider waits for.
        if !matches!(change, Change::Sync) {
            self.show(&instance, ProtectionState::UpdatingProtection);
        }
        let work = Work::on(&instance, change);
        let operation = self.start_operation(call, vault, work, takes, AFTER_ACTION);
        Ok(self.accepted(&operation))
    }

    /// Not recorded. Inferred from validateForBackup: the same answers, on an instance that is there.
    fn validate_for_modify(
        &mut self,
        call: &Call<'_>,
        vault: &Vault,
        instance: &Instance,
        body: &Value,
    ) -> Result<Response, Failure> {
        schema::check(body, schema::VALIDATE, call.version)?;
        let spec = InstanceSpec::read(Object::root(body)?.required_object("backupInstance")?)?;
        if spec.datasource.resource_id != instance.spec.datasource.resource_id {
            return Err(UserFacingError::invalid_parameter("DataSourceInfo").into());
        }
        self.refuse_busy(instance)?;
        let takes = self.random.within(&self.timing.validate);
        let operation = self.start_operation(call, vault, Work::Validate(Box::new(spec)), takes, AFTER_VALIDATE);
        Ok(self.accepted(&operation))
    }

    /// Changes are refused while the service is at work on the instance.
    pub(crate) fn refuse_busy(&self, instance: &Instance) -> Result<(), Failure> {
        let is_running = || {
            let mut operations = self.operations.values();
            operations.any(|operation| operation.outcome.is_none() && operation.work.concerns(instance))
        };
        if instance.state.is_busy() || is_running() { Err(busy(instance)) } else { Ok(()) }
    }

    /// Shows a state of transition, without an error.
    pub(crate) fn show(&mut self, instance: &Instance, state: ProtectionState) {
        if let Some(instance) = self.current(&instance.id, instance.incarnation) {
            instance.state = state;
            instance.error = None;
        }
    }
}

fn check_sync(body: &Value, call: &Call<'_>) -> Result<(), Failure> {
    schema::check(body, schema::SYNC, call.version)?;
    let kind = Object::root(body)?.text("syncType")?.unwrap_or("Default");
    if ["Default", "ForceResync"].iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        Ok(())
    } else {
        Err(UserFacingError::invalid_parameter("syncType").into())
    }
}

/// `resourceGuardOperationRequests` of a body that fits its schema.
pub(crate) fn guard_requests(object: Object<'_>) -> Vec<String> {
    let requests = object.get("resourceGuardOperationRequests").and_then(Value::as_array);
    requests.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
