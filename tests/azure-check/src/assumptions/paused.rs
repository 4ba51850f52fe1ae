//! Stopping, suspending and resuming.

use postgres_backup_operator::azure::ProtectionState as State;

use super::WRONG_STATE;
use crate::assumption::{Action, Assumption, Check, Need, Source, Trial};
use crate::expected::Expected;
use crate::stage::{Content, Course, Request, Rest, Stage};

const fn send(from: Rest, request: Request, expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::At(from), action: Action::Send(request), needs: &[], expected })
}

const fn put(from: Rest, expected: &'static [Expected]) -> Check {
    let action = Action::Send(Request::Put(Content::OtherPolicy));
    Check::Trial(Trial { from: Stage::At(from), action, needs: &[Need::OtherPolicy], expected })
}

const fn while_stopping(action: Action, expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::During(Course::Stopping), action, needs: &[], expected })
}

/// Accepted, carried out, and in this state afterwards.
const fn ends(status: u16, state: &'static State) -> Expected {
    Expected::success(status).succeeding().in_state(state)
}

/// What the operator does about a PUT on an instance whose backups do not run.
const NEVER_PUT: &str = "It never sends one: where backups are to run it resumes first, and PUTs once the instance shows ProtectionConfigured; where not, the difference waits.";

/// What the operator does about stopped instead of suspended, and the other way round.
const THROUGH_ACTIVE: &str =
    "It never sends one: from stopped to suspended, and back, it goes through resumeProtection.";

/// What the operator does about requests that would change nothing.
const NEVER_TWICE: &str = "It sends none while Azure shows the state that is wanted.";

/// What the operator does about resumeBackups.
const NO_RESUME_BACKUPS: &str = "It never sends one: resumeProtection ends both.";

pub(super) static ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        id: "poll-without-signature",
        claim: "The URL of an operation is refused without its signature.",
        source: Source::Inferred("recorded URLs are signed"),
        operator: "It polls every URL exactly as it was received. After a 404 or 410 the instance itself tells how far it is; another error is tried again, for 15 minutes, until it is the instance that tells.",
        check: while_stopping(Action::PollUnsigned, &[Expected::refusal(403, "AuthorizationFailed")]),
    },
    Assumption {
        id: "state-while-stopping",
        claim: "An instance shows UpdatingProtection while it is being stopped.",
        source: Source::Inferred("Terraform's provider waits for it"),
        operator: "It keeps what it has sent in status and sends nothing else before that has ended, whatever the state.",
        check: while_stopping(Action::Look, &[Expected::state(&State::UpdatingProtection)]),
    },
    Assumption {
        id: "stop",
        claim: "stopProtection of what is protected ends in ProtectionStopped.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "The state decides. One that it does not know is reported and left alone.",
        check: while_stopping(Action::AwaitRest, &[ends(202, &State::ProtectionStopped)]),
    },
    Assumption {
        id: "stop-on-stopped",
        claim: "stopProtection of what is stopped is done at once.",
        source: Source::Inferred("as resumeProtection of what is protected, which was recorded"),
        operator: NEVER_TWICE,
        check: send(Rest::Stopped, Request::Stop, &[Expected::success(200).in_state(&State::ProtectionStopped)]),
    },
    Assumption {
        id: "sync-on-stopped",
        claim: "A sync of what is stopped is refused.",
        source: Source::Inferred("the code is the emulator's"),
        operator: "It syncs only what shows ProtectionError.",
        check: send(
            Rest::Stopped,
            Request::Sync,
            &[Expected::refusal(400, WRONG_STATE).in_state(&State::ProtectionStopped)],
        ),
    },
    Assumption {
        id: "resume-backups-on-stopped",
        claim: "resumeBackups does not end a stop: it is refused.",
        source: Source::Inferred("the schema describes it as the end of a suspension; the code is the emulator's"),
        operator: NO_RESUME_BACKUPS,
        check: send(
            Rest::Stopped,
            Request::ResumeBackups,
            &[Expected::refusal(400, WRONG_STATE).in_state(&State::ProtectionStopped)],
        ),
    },
    Assumption {
        id: "put-on-stopped",
        claim: "A PUT on a stopped instance changes the policy and leaves it stopped.",
        source: Source::Inferred("it may as well resume protection, or be refused"),
        operator: NEVER_PUT,
        check: put(Rest::Stopped, &[ends(201, &State::ProtectionStopped).with_the_new_policy()]),
    },
    Assumption {
        id: "suspend-on-stopped",
        claim: "suspendBackups of what is stopped ends in BackupsSuspended.",
        source: Source::Inferred("it may as well be refused"),
        operator: THROUGH_ACTIVE,
        check: send(Rest::Stopped, Request::Suspend, &[ends(202, &State::BackupsSuspended)]),
    },
    Assumption {
        id: "suspend-on-suspended",
        claim: "suspendBackups of what is suspended is done at once.",
        source: Source::Inferred("as resumeProtection of what is protected, which was recorded"),
        operator: NEVER_TWICE,
        check: send(Rest::Suspended, Request::Suspend, &[Expected::success(200).in_state(&State::BackupsSuspended)]),
    },
    Assumption {
        id: "put-on-suspended",
        claim: "A PUT on a suspended instance changes the policy and leaves it suspended.",
        source: Source::Inferred("it may as well resume backups, or be refused"),
        operator: NEVER_PUT,
        check: put(Rest::Suspended, &[ends(201, &State::BackupsSuspended).with_the_new_policy()]),
    },
    Assumption {
        id: "resume-on-suspended",
        claim: "resumeProtection of what is suspended ends in ProtectionConfigured.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "A refusal stands in status; the instance stays as it is and is looked at again at the error's pace.",
        check: send(Rest::Suspended, Request::Resume, &[ends(202, &State::ProtectionConfigured)]),
    },
    Assumption {
        id: "suspend",
        claim: "suspendBackups of what is protected ends in BackupsSuspended, a state that no schema has.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "BackupSchedulesSuspended, the schema's word, means the same to it. A state that it does not know is reported and left alone.",
        check: send(Rest::Protected, Request::Suspend, &[ends(202, &State::BackupsSuspended)]),
    },
    Assumption {
        id: "stop-on-suspended",
        claim: "stopProtection of what is suspended ends in ProtectionStopped.",
        source: Source::Inferred("it may as well be refused"),
        operator: THROUGH_ACTIVE,
        check: send(Rest::Suspended, Request::Stop, &[ends(202, &State::ProtectionStopped)]),
    },
    Assumption {
        id: "resume-on-stopped",
        claim: "resumeProtection of what is stopped ends in ProtectionConfigured.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "A refusal stands in status; the instance stays as it is and is looked at again at the error's pace.",
        check: send(Rest::Stopped, Request::Resume, &[ends(202, &State::ProtectionConfigured)]),
    },
    Assumption {
        id: "resume-backups-on-suspended",
        claim: "resumeBackups ends a suspension.",
        source: Source::Inferred("the schema describes it so; no recording has it"),
        operator: NO_RESUME_BACKUPS,
        check: send(Rest::Suspended, Request::ResumeBackups, &[ends(202, &State::ProtectionConfigured)]),
    },
];
