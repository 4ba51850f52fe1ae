//! What Azure answers to reads. Nothing is written for these.

use super::NOT_FOUND;
use crate::assumption::{Action, Assumption, Check, Reading, Source, Trial};
use crate::expected::Expected;
use crate::stage::Stage;

const fn read(reading: Reading, expected: &'static [Expected]) -> Check {
    Check::Trial(Trial { from: Stage::Anywhere, action: Action::Read(reading), needs: &[], expected })
}

pub(super) static ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        id: "missing-instance",
        claim: "A GET of a backup instance that does not exist is answered with the provider's own 404.",
        source: Source::Recorded("Azure Service Operator"),
        operator: "Only this code means that there is no instance. Any other 404 is an error in status, and nothing is created.",
        check: read(Reading::MissingInstance, &[Expected::refusal(404, NOT_FOUND)]),
    },
    Assumption {
        id: "missing-deleted-instance",
        claim: "A GET of a soft-deleted instance that does not exist is answered in the same way.",
        source: Source::Inferred("undelete of one was recorded, with this answer"),
        operator: "Only this code means that nothing is soft-deleted. Any other answer is an error in status, and nothing is created before it is known.",
        check: read(Reading::MissingDeletedInstance, &[Expected::refusal(404, NOT_FOUND)]),
    },
    Assumption {
        id: "long-name",
        claim: "The name of a backup instance may have 164 characters, the most that Azure's own tools can make of a Single Server's database.",
        source: Source::Inferred("the schemas have no length; 114 characters were recorded"),
        operator: "Names that it derives have at most 120 characters. A refusal of a longer one that a user gives stands in status.",
        check: read(Reading::LongName, &[Expected::refusal(404, NOT_FOUND)]),
    },
    Assumption {
        id: "api-versions",
        claim: "Azure still serves every stable api-version since 2021-01-01.",
        source: Source::Documented("Azure/azure-rest-api-specs lists them; whether the service takes them is not said"),
        operator: "It speaks the one that is set (--api-version). A refusal stands in the status of every object; set another version.",
        check: read(Reading::EveryVersion, &[Expected::success(200)]),
    },
];
