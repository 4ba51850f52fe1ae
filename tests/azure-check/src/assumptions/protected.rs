//! A protected instance: what is refused, what is nothing to do, and how it changes.

use postgres_backup_operator::azure::ProtectionState as State;

use crate::assumption::{Action, Assumption, Check, Need, Source, Trial};
use crate::expected::Expected;
use crate::stage::{Content, Request, Rest, Stage};

const fn protected(request: Request, needs: &'static [Need], expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::At(Rest::Protected), action: Action::Send(request), needs, expected })
}

/// The code of a request that does not fit together, as recorded with a policy that does not exist.
const INVALID_PARAMETER: &str = "UserErrorInvalidRequestParameter";

/// What the operator does when a change may not be validated.
const SKIPPED: &str = "A refusal that says nothing of the change (no permission, no such action, already protected) is passed over and the PUT sent. Any other holds the change back and stands in status.";

pub(super) static ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        id: "validate-while-protected",
        claim: "A validation of a database that is protected already is refused at once.",
        source: Source::Documented("Microsoft's article on the REST API"),
        operator: "It never validates what has an instance of the name it looks for. Where another instance protects the database, this refusal, or that of the PUT, stands in status together with how to adopt the instance.",
        check: protected(
            Request::Validate,
            &[],
            &[Expected::refusal(400, "UserErrorDppDatasourceAlreadyProtected").in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "resume-on-protected",
        claim: "resumeProtection of what is protected is done at once.",
        source: Source::Recorded("Azure CLI, of a disk"),
        operator: "It resumes only what shows a stopped or suspended state, and looks again afterwards, whatever the answer.",
        check: protected(Request::Resume, &[], &[Expected::success(200).in_state(&State::ProtectionConfigured)]),
    },
    Assumption {
        id: "sync-on-protected",
        claim: "A sync of what is protected succeeds and changes nothing.",
        source: Source::Inferred("a sync in ProtectionError was recorded"),
        operator: "It syncs only what shows ProtectionError. Azure may have healed it in between; then the instance is looked at again.",
        check: protected(
            Request::Sync,
            &[],
            &[Expected::success(202).succeeding().in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "validate-change",
        claim: "validateForModifyBackup of a change of policy is accepted and succeeds, on an instance that exists.",
        source: Source::Inferred("only path and body are specified; the rest is taken from validateForBackup"),
        operator: SKIPPED,
        check: protected(
            Request::ValidateChange(Content::OtherPolicy),
            &[Need::OtherPolicy],
            &[Expected::success(202).succeeding().in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "validate-no-change",
        claim: "validateForModifyBackup of what the instance is already succeeds as well.",
        source: Source::Inferred("only path and body are specified"),
        operator: "It never sends one: where nothing differs, there is nothing to validate.",
        check: protected(
            Request::ValidateChange(Content::Unchanged),
            &[],
            &[Expected::success(202).succeeding().in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "validate-bad-change",
        claim: "validateForModifyBackup of a change to a policy that does not exist is refused, at once or by its operation.",
        source: Source::Inferred("a PUT with such a policy was recorded, with this code"),
        operator: "Either refusal holds the change back and stands in status. Where it is let through, the PUT is refused, which stands in status too.",
        check: protected(
            Request::ValidateChange(Content::MissingPolicy),
            &[],
            &[Expected::success(202).failing(INVALID_PARAMETER), Expected::refusal(400, INVALID_PARAMETER)],
        ),
    },
    Assumption {
        id: "put-unknown-member",
        claim: "A PUT with a member that the api-version does not know is refused.",
        source: Source::Inferred("Azure may ignore such a member instead"),
        operator: "It sends what it knows of each api-version, and on a change what a GET with the same version has shown: neither answer is met.",
        check: protected(
            Request::Put(Content::UnknownMember),
            &[],
            &[Expected::refusal(400, "InvalidRequestContent").in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "put-other-state",
        claim: "A PUT that names a protection state other than the one there is, is refused.",
        source: Source::Inferred("Resource Manager's contract allows both to refuse and to ignore read-only members"),
        operator: "It takes all read-only members out of what it sends.",
        check: protected(
            Request::Put(Content::OtherState),
            &[],
            &[Expected::refusal(400, INVALID_PARAMETER).in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "tag-with-slash",
        claim: "A PUT with a tag whose name has a slash is refused.",
        source: Source::Documented("limits of tags; the code is the emulator's"),
        operator: "Its tag is called pgbackup-owner and has a value of at most 256 characters. Tags of others are passed on as Azure shows them.",
        check: protected(
            Request::Put(Content::TagWithSlash),
            &[],
            &[Expected::refusal(400, "InvalidTagNameCharacters").in_state(&State::ProtectionConfigured)],
        ),
    },
    Assumption {
        id: "change-policy",
        claim: "A PUT with another policy ends in ProtectionConfigured with that policy.",
        source: Source::Recorded("Azure CLI, of blobs"),
        operator: "It does not look at the answer, which shows the old policy, but at the instance. While that shows the old policy after the operation, it waits; three corrections within a day are a conflict that it reports.",
        check: protected(
            Request::Put(Content::OtherPolicy),
            &[Need::OtherPolicy],
            &[Expected::success(201).succeeding().in_state(&State::ProtectionConfigured).with_the_new_policy()],
        ),
    },
];
