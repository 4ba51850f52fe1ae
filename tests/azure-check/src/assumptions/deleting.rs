//! DELETE, soft delete, and the way back.

use postgres_backup_operator::azure::ProtectionState as State;

use super::NOT_FOUND;
use crate::assumption::{Action, Assumption, Check, Need, Source, Trial};
use crate::expected::{Expected, ExpectedFound};
use crate::stage::{Course, Request, Rest, Stage};

const fn while_deleting(action: Action, needs: &'static [Need], expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::During(Course::Deleting), action, needs, expected })
}

const fn send(from: Stage, request: Request, needs: &'static [Need], expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from, action: Action::Send(request), needs, expected })
}

const SOFT_DELETED: Stage = Stage::At(Rest::SoftDeleted);
const STOPPED: Stage = Stage::At(Rest::Stopped);

/// The code recorded with resumeProtection while another instance protected the datasource.
const HAS_INSTANCE: &str = "UserErrorDppDatasourceAlreadyHasBackupInstance";

/// Accepted, carried out, and this left behind.
const fn leaves(found: ExpectedFound) -> Expected {
    Expected::success(202).succeeding().leaving(found)
}

/// What the operator does before it validates or creates anything.
const LOOKS_FIRST: &str = "It looks for a soft-deleted instance before it validates. One of its own name is undeleted and resumed; one that a PUT or a validation names is reported.";

pub(super) static ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        id: "state-while-deleting",
        claim: "An instance shows SoftDeleting while it is being deleted.",
        source: Source::Documented("the state's name in the schema; no recording has a look in between"),
        operator: "It keeps in status that it has sent the DELETE and waits until the instance is gone, whatever the state.",
        check: while_deleting(Action::Look, &[], &[Expected::state(&State::SoftDeleting)]),
    },
    Assumption {
        id: "second-delete",
        claim: "A second DELETE is accepted as the first one was.",
        source: Source::Inferred("it may as well be refused as a conflict"),
        operator: "It sends none while Azure shows SoftDeleting or the first one may still take effect. A 409 is tried again after Retry-After or 30 s.",
        check: while_deleting(
            Action::Send(Request::Delete),
            &[],
            &[Expected::success(202).succeeding().leaving(ExpectedFound::Gone)],
        ),
    },
    Assumption {
        id: "delete",
        claim: "A DELETE in a vault whose soft delete is on leaves a soft-deleted instance behind.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "Gone is gone: it lets go of the object once a GET finds no instance, and says until when the deletion can be undone if Azure says so.",
        check: while_deleting(Action::AwaitRest, &[Need::SoftDeleteOn], &[leaves(ExpectedFound::SoftDeleted)]),
    },
    Assumption {
        id: "delete-is-always-soft",
        claim: "With an api-version from 2025-09-01 on, so does a DELETE in a vault whose soft delete is off.",
        source: Source::Documented("Learn, secure by default with soft delete"),
        operator: "It relies on this: with such a version it deletes without the annotation for irreversible deletion. If Azure answers otherwise, set the vault's soft delete to on.",
        check: while_deleting(
            Action::AwaitRest,
            &[Need::SoftDeleteOff, Need::AlwaysSoft],
            &[leaves(ExpectedFound::SoftDeleted)],
        ),
    },
    Assumption {
        id: "validate-while-soft-deleted",
        claim: "A validation is refused while the vault keeps the database soft-deleted.",
        source: Source::Documented("Learn, secure by default with soft delete; the code is inferred"),
        operator: LOOKS_FIRST,
        check: send(SOFT_DELETED, Request::Validate, &[], &[Expected::refusal(400, HAS_INSTANCE)]),
    },
    Assumption {
        id: "put-while-soft-deleted",
        claim: "A PUT under the name of a soft-deleted instance is refused.",
        source: Source::Documented("Learn, secure by default with soft delete; the code is inferred"),
        operator: LOOKS_FIRST,
        check: send(
            SOFT_DELETED,
            Request::Create,
            &[],
            &[Expected::refusal(400, HAS_INSTANCE).leaving(ExpectedFound::SoftDeleted)],
        ),
    },
    Assumption {
        id: "undelete",
        claim: "undelete is done at once, and the instance is back in ProtectionStopped.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "An operation would be followed. What is back is brought on from whatever state it shows.",
        check: send(
            SOFT_DELETED,
            Request::Undelete,
            &[],
            &[Expected::success(200).in_state(&State::ProtectionStopped)],
        ),
    },
    Assumption {
        id: "undelete-twice",
        claim: "undelete of what is not soft-deleted is answered with the provider's own 404.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "After any answer it looks at the instance again and goes on from there.",
        check: send(
            STOPPED,
            Request::Undelete,
            &[],
            &[Expected::refusal(404, NOT_FOUND).in_state(&State::ProtectionStopped)],
        ),
    },
    Assumption {
        id: "delete-while-updating",
        claim: "A DELETE is accepted while another request is being carried out, and has the last word.",
        source: Source::Inferred("it may as well be refused as a conflict"),
        operator: "A 409 is tried again after Retry-After or 30 s, until the other request has ended.",
        check: send(Stage::During(Course::Resuming), Request::Delete, &[], &[leaves(ExpectedFound::Gone)]),
    },
    Assumption {
        id: "delete-is-final",
        claim: "With an api-version before 2025-09-01, a DELETE in a vault whose soft delete is off leaves nothing behind.",
        source: Source::Documented("Learn, secure by default with soft delete"),
        operator: "With such a version and vault it deletes only what the annotation for irreversible deletion names. If Azure soft-deletes all the same, the deletion can be undone.",
        check: send(STOPPED, Request::DeleteForGood, &[Need::SoftDeleteOff], &[leaves(ExpectedFound::Nothing)]),
    },
];
