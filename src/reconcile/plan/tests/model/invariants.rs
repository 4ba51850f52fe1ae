//! What has to hold of every step, wherever it leads.

use super::super::*;
use super::azure::{Azure, Effect};

/// What has to hold of every step.
pub(super) fn check(desired: &Desired, stored: &PostgresBackupStatus, observed: &Observed, step: &Step, azure: &Azure) {
    let changes = match step {
        Step::Intend(..) => true,
        Step::Send(request, _) => request.kind().changes_azure(),
        _ => false,
    };
    if changes {
        assert_eq!(desired.mode, Mode::Enforce, "only Enforce changes Azure: {step:?}");
        let (instance, claim) = match observed.found() {
            Some(Found::Instance { instance, claim }) => (Some(&**instance), Some(claim)),
            Some(Found::SoftDeleted { deleted, claim, .. }) => (Some(&deleted.instance), Some(claim)),
            _ => (None, None),
        };
        assert!(!matches!(claim, Some(Claim::Others(_))), "another's backup instance is left alone: {step:?}");
        let others = instance.filter(|instance| instance.datasource().as_ref() != Some(&desired.target.datasource));
        assert!(others.is_none(), "another database's backup instance is left alone: {step:?}");
    }
    if let Step::Send(request, hash) = step
        && request.kind().changes_azure()
        && request.kind() != OperationKind::Sync
    {
        let operation = stored.operation.as_ref().expect("what changes Azure is stored before it is sent");
        assert_eq!((operation.kind, operation.request_hash.as_str()), (request.kind(), hash.as_str()));
    }
    if let Step::Send(Request::Create(_) | Request::Update(_), _) = step {
        let lost = azure.unanswered().find(|effect| matches!(effect, Effect::Put { .. }));
        assert!(lost.is_none(), "{step:?} is sent while {lost:?} may still land");
    }
    if let Step::Release(release) = step {
        for effect in azure.still_landing() {
            let revives = match effect {
                Effect::Put { .. } | Effect::Act(Action::Undelete) => true,
                Effect::Act(Action::Resume) => *release == Release::Stopped,
                Effect::Act(_) | Effect::Sync => false,
            };
            assert!(!revives, "{release:?} while {effect:?} may still land");
        }
    }
}
