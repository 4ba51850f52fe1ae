//! A small model of what Azure makes of one backup instance, with the ways in which a request can go wrong.

use std::time::Duration;

use tokio::time::Instant;

use super::super::*;
use super::backup::Backup;
use crate::azure::{
    AzureError, DeletedInstance, LostAnswer, Operation, OperationPath, OperationState, RequestIds, RunningOperation,
    Started,
};
use crate::reconcile::testing::{SERVER, VAULT};

/// How long an operation runs.
const OPERATION: Duration = Duration::from_secs(30);

/// How long a state on the way to another one lasts.
const TRANSITION: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Luck {
    /// Azure accepts it and works on it for a while.
    Fine,
    /// Azure accepts it and has nothing left to do.
    AtOnce,
    /// Azure accepts it, says that it is done, and the effect shows so many seconds later.
    FinishedLate(u64),
    /// Azure accepts it, and its operation fails.
    OperationFails,
    /// Azure refuses it with this status.
    Refused(u16),
    /// Azure answers with an internal error, and the effect shows so many seconds later all the same.
    InternalErrorLate(u64),
    /// The answer is lost, and the request was carried out.
    LostWithEffect,
    /// The answer is lost, and the request never arrived.
    LostWithoutEffect,
    /// The answer is lost, and the effect shows so many seconds later.
    LostLate(u64),
}

/// What a request does once it arrives.
#[derive(Clone, Debug)]
pub(in super::super) enum Effect {
    Put { policy: String, owner: Option<String> },
    Act(Action),
    Sync,
}

/// A request that has its effect later.
#[derive(Clone, Debug)]
struct Landing {
    at: Instant,
    effect: Effect,
    /// How it was answered. What Azure has accepted comes before what it accepts after that.
    luck: Luck,
}

#[derive(Default, Debug)]
pub(in super::super) struct Azure {
    pub(in super::super) instance: Option<Backup>,
    pub(in super::super) tombstone: Option<Backup>,
    /// Whether something is missing that protection needs.
    pub(in super::super) ill: bool,
    /// How many requests came that could change something.
    pub(in super::super) writes: usize,
    settling: Option<(Instant, ProtectionState)>,
    landing: Vec<Landing>,
    operations: Vec<(Instant, Option<ServiceError>)>,
}

impl Azure {
    /// Lets happen what is due.
    pub(in super::super) fn tick(&mut self) {
        let now = Instant::now();
        self.settle(now);
        self.land(|landing| landing.at <= now);
    }

    fn land(&mut self, is_due: impl Fn(&Landing) -> bool) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.landing).into_iter().partition(is_due);
        self.landing = later;
        for Landing { effect, .. } in due {
            if self.objection(&effect).is_none() {
                self.apply(effect);
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        let Some((_, state)) = self.settling.take_if(|(at, _)| *at <= now) else { return };
        if state == ProtectionState::SoftDeleted {
            self.tombstone = self.instance.take().map(|instance| Backup { state, ..instance });
        } else if let Some(instance) = &mut self.instance {
            instance.state = state;
        }
    }

    /// Whether nothing happens any more by itself.
    pub(in super::super) fn is_calm(&self) -> bool {
        self.settling.is_none() && self.landing.is_empty()
    }

    /// What may still land that brings a backup instance into being, or its backups to run.
    pub(in super::super) fn still_landing(&self) -> impl Iterator<Item = &Effect> {
        self.landing.iter().map(|landing| &landing.effect)
    }

    /// What may still land although its answer was lost.
    pub(in super::super) fn unanswered(&self) -> impl Iterator<Item = &Effect> {
        self.landing.iter().filter(|landing| matches!(landing.luck, Luck::LostLate(_))).map(|landing| &landing.effect)
    }

    /// What somebody makes of the backup instance in the portal; a change that is under way there comes to nothing.
    pub(in super::super) fn force(&mut self, state: ProtectionState) {
        self.settling = None;
        if state == ProtectionState::SoftDeleting {
            self.apply(Effect::Act(Action::Delete));
        } else if let Some(instance) = &mut self.instance {
            instance.state = state;
            if instance.is_moving() {
                self.settling = Some((Instant::now() + TRANSITION, self.healthy()));
            }
        }
    }

    fn healthy(&self) -> ProtectionState {
        if self.ill { ProtectionState::ProtectionError } else { ProtectionState::ProtectionConfigured }
    }

    /// Why Azure refuses, if it does.
    fn objection(&self, effect: &Effect) -> Option<(u16, &'static str)> {
        let instance = self.instance.as_ref();
        if instance.is_some_and(Backup::is_moving) && !matches!(effect, Effect::Act(Action::Delete)) {
            return Some((409, "AnotherOperationInProgress"));
        }
        let unfit = Some((400, "UserErrorOperationNotAllowedInState"));
        match (effect, instance) {
            (Effect::Put { .. }, None) if self.tombstone.is_some() => Some((400, "UserErrorSoftDeletedInstanceExists")),
            (Effect::Act(Action::Delete) | Effect::Put { .. }, _) => None,
            (Effect::Act(Action::Undelete), None) if self.tombstone.is_some() => None,
            (_, None) => Some((404, "UserErrorGenericResourceNotFound")),
            (Effect::Act(Action::Resume), Some(instance)) if !instance.is_at_rest() => unfit,
            (Effect::Act(Action::Stop | Action::Suspend), Some(instance)) if !instance.runs() => unfit,
            (Effect::Act(Action::Undelete), Some(_)) => unfit,
            _ => None,
        }
    }

    /// Does what a request asks, whoever sends it. Azure takes the requests to one resource in turn: an earlier attempt at
    /// the same does not come after a later one.
    pub(in super::super) fn apply(&mut self, effect: Effect) {
        self.landing.retain(|earlier| std::mem::discriminant(&earlier.effect) != std::mem::discriminant(&effect));
        let (healthy, soon) = (self.healthy(), Instant::now() + TRANSITION);
        let Some(instance) = &mut self.instance else {
            match effect {
                Effect::Put { policy, owner } if self.tombstone.is_none() => {
                    let state = ProtectionState::ConfiguringProtection;
                    self.instance = Some(Backup { state, policy, owner, server: SERVER.to_owned() });
                    self.settling = Some((soon, healthy));
                }
                Effect::Act(Action::Undelete) => {
                    let state = ProtectionState::ProtectionStopped;
                    self.instance = self.tombstone.take().map(|backup| Backup { state, ..backup });
                }
                _ => {}
            }
            return;
        };
        match effect {
            Effect::Put { policy, owner } => {
                (instance.policy, instance.owner) = (policy, owner);
                if !instance.is_at_rest() {
                    instance.state = ProtectionState::UpdatingProtection;
                    self.settling = Some((soon, healthy));
                }
            }
            Effect::Act(Action::Delete) => {
                instance.state = ProtectionState::SoftDeleting;
                self.settling = Some((soon, ProtectionState::SoftDeleted));
            }
            Effect::Act(Action::Resume) => instance.state = healthy,
            Effect::Act(Action::Stop) => instance.state = ProtectionState::ProtectionStopped,
            Effect::Act(Action::Suspend) => instance.state = ProtectionState::BackupsSuspended,
            Effect::Sync if instance.state == ProtectionState::ProtectionError => instance.state = healthy,
            Effect::Sync | Effect::Act(Action::Undelete) => {}
        }
    }

    pub(in super::super) fn read(&self, desired: &Desired) -> Option<Instance> {
        self.instance.as_ref().map(|backup| backup.shown(desired))
    }

    pub(in super::super) fn read_deleted(&self, desired: &Desired) -> Option<DeletedInstance> {
        self.tombstone.as_ref().and_then(|backup| DeletedInstance::parse(backup.shown(desired).raw))
    }

    pub(in super::super) fn poll(&self, operation: &RunningOperation) -> OperationState {
        let path = operation.path().as_str();
        let number: usize = path.split('?').next().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        match &self.operations[number] {
            (end, _) if *end > Instant::now() => OperationState::Running { poll_after: None },
            (_, Some(error)) => OperationState::Failed(error.clone()),
            (_, None) => OperationState::Succeeded,
        }
    }

    pub(in super::super) fn send(&mut self, request: &Request, luck: Luck) -> Result<Started, AzureError> {
        let effect = match request {
            Request::Validate(_) | Request::ValidateChange(_) => return self.validate(request, luck),
            Request::Create(body) | Request::Update(body) => Effect::Put {
                policy: body["properties"]["policyInfo"]["policyId"]
                    .as_str()
                    .unwrap()
                    .rsplit('/')
                    .next()
                    .unwrap()
                    .to_owned(),
                owner: body["tags"]["pgbackup-owner"].as_str().map(str::to_owned),
            },
            Request::Sync => Effect::Sync,
            Request::Act(action) => Effect::Act(*action),
        };
        self.writes += 1;
        self.land(|landing| matches!(landing.luck, Luck::FinishedLate(_)));
        if let Some((status, code)) = self.objection(&effect).filter(|_| !matches!(luck, Luck::LostWithoutEffect)) {
            return Err(http(status, code));
        }
        match luck {
            Luck::Fine | Luck::AtOnce | Luck::LostWithEffect => self.apply(effect),
            Luck::FinishedLate(seconds) | Luck::LostLate(seconds) | Luck::InternalErrorLate(seconds) => {
                let at = Instant::now() + Duration::from_secs(seconds);
                self.landing.push(Landing { at, effect, luck });
            }
            Luck::OperationFails | Luck::Refused(_) | Luck::LostWithoutEffect => {}
        }
        self.answer(luck, None)
    }

    fn validate(&mut self, request: &Request, luck: Luck) -> Result<Started, AzureError> {
        let create = matches!(request, Request::Validate(_));
        let taken = create && (self.instance.is_some() || self.tombstone.is_some());
        let code = if taken { Some("UserErrorDppDatasourceAlreadyHasBackupInstance") } else { None };
        let code = code.or(self.ill.then_some("UserErrorMissingRequiredPermissions"));
        self.answer(luck, code.map(|code| ServiceError { code: code.to_owned(), ..ServiceError::default() }))
    }

    fn answer(&mut self, luck: Luck, verdict: Option<ServiceError>) -> Result<Started, AzureError> {
        match luck {
            Luck::AtOnce | Luck::FinishedLate(_) if verdict.is_none() => Ok(Started::Finished),
            Luck::Fine | Luck::AtOnce | Luck::FinishedLate(_) => Ok(self.start(verdict)),
            Luck::OperationFails => Ok(self.start(Some(error()))),
            Luck::Refused(status) => Err(http(status, "")),
            Luck::InternalErrorLate(_) => Err(http(500, "CloudInternalError")),
            Luck::LostWithEffect | Luck::LostWithoutEffect | Luck::LostLate(_) => Err(AzureError::OutcomeUnknown {
                operation: Operation::PutBackupInstance,
                ids: ids(),
                source: LostAnswer::Timeout { after: OPERATION },
            }),
        }
    }

    fn start(&mut self, verdict: Option<ServiceError>) -> Started {
        self.operations.push((Instant::now() + OPERATION, verdict));
        let path = format!("{VAULT}/operationStatus/{}?api-version=2026-03-01", self.operations.len() - 1);
        let subscription = VAULT.parse::<crate::azure::VaultId>().unwrap().subscription().clone();
        let path = OperationPath::parse_stored(&path, &subscription).unwrap();
        Started::Running(RunningOperation::new(path, Duration::from_secs(15)))
    }
}

fn http(status: u16, code: &str) -> AzureError {
    let error = Box::new(ServiceError { code: code.to_owned(), ..ServiceError::default() });
    AzureError::Http { operation: Operation::PutBackupInstance, status, error, ids: ids(), retry_after: None }
}

fn ids() -> Box<RequestIds> {
    Box::new(RequestIds { client_request_id: uuid::Uuid::nil(), correlation_id: String::new(), request_id: None })
}
