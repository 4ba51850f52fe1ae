//! Validation and the first PUT.

use postgres_backup_operator::azure::ProtectionState as State;

use crate::assumption::{Action, Assumption, Check, Source, Trial};
use crate::expected::{Expected, ExpectedFound};
use crate::stage::{Content, Course, Request, Rest, Stage};

const fn during_creation(action: Action, expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::During(Course::Creating), action, needs: &[], expected })
}

pub(super) static ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        id: "validate",
        claim: "A validation is accepted, ends as Succeeded, and creates nothing.",
        source: Source::Recorded("Azure CLI, of PostgreSQL; Microsoft's article on the REST API"),
        operator: "It looks at the instance by name before each PUT, so one that a validation made would be taken for what it is.",
        check: Check::Trial(Trial {
            from: Stage::At(Rest::Absent),
            action: Action::Send(Request::Validate),
            needs: &[],
            expected: &[Expected::success(202).succeeding().leaving(ExpectedFound::Nothing)],
        }),
    },
    Assumption {
        id: "operation-before-protection",
        claim: "The operation of the first PUT succeeds while the instance is still being configured.",
        source: Source::Recorded("Azure CLI, of PostgreSQL; Azure Service Operator"),
        operator: "A succeeded operation proves nothing to it: ready is what shows ProtectionConfigured, early or late.",
        check: during_creation(
            Action::AwaitOperation,
            &[Expected::success(201).succeeding().in_state(&State::ConfiguringProtection)],
        ),
    },
    Assumption {
        id: "put-while-configuring",
        claim: "A PUT is refused as a conflict while the instance is being configured.",
        source: Source::Inferred("Terraform's provider says that it is refused; status and code are the emulator's"),
        operator: "No PUT is sent while Azure shows such a state. Met in a race, a 409 is tried again after Retry-After or 30 s; another refusal stands in status, and the PUT is planned anew from what Azure shows.",
        check: during_creation(
            Action::Send(Request::Put(Content::Unchanged)),
            &[Expected::refusal(409, "AnotherOperationInProgress")],
        ),
    },
    Assumption {
        id: "create",
        claim: "The first PUT ends in ProtectionConfigured.",
        source: Source::Recorded("Azure CLI, of PostgreSQL"),
        operator: "ProtectionError and the like are shown with Azure's error and repaired at the error's pace, by sync, or by PUT if something differs.",
        check: during_creation(
            Action::AwaitRest,
            &[Expected::success(201).succeeding().in_state(&State::ProtectionConfigured)],
        ),
    },
];
