//! What an assumption consists of.

use std::fmt;

use crate::expected::Expected;
use crate::stage::{Request, Stage};

/// Something that the operator or its emulator assumes of Azure.
#[derive(Debug)]
pub struct Assumption {
    /// Its name, in lower case with hyphens.
    pub id: &'static str,
    /// What is assumed, in one sentence.
    pub claim: &'static str,
    /// Where that comes from.
    pub source: Source,
    /// What the operator does, whichever way Azure answers.
    pub operator: &'static str,
    /// How it is checked.
    pub check: Check,
}

/// Where an assumption comes from; the text says which recording or page, or from what it is inferred.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Real requests and answers that somebody recorded, of another kind of datasource unless the text says PostgreSQL.
    Recorded(&'static str),
    /// Microsoft's documentation.
    Documented(&'static str),
    /// Nobody has written it down.
    Inferred(&'static str),
}

/// How an assumption is checked.
#[derive(Debug)]
pub enum Check {
    /// By doing it.
    Trial(Trial),
    /// Not here, for this reason.
    Impossible(&'static str),
}

/// What to do in order to see whether an assumption is right.
#[derive(Debug)]
pub struct Trial {
    /// Where the instance must be.
    pub from: Stage,
    /// What is done there.
    pub action: Action,
    /// What it takes besides.
    pub needs: &'static [Need],
    /// The observations that agree with the assumption; one of them is enough.
    pub expected: &'static [Expected],
}

/// What a trial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reads something.
    Read(Reading),
    /// Sends a request, and follows it to the end if it is accepted.
    Send(Request),
    /// Looks at the instance while a request is being carried out.
    Look,
    /// Asks for the operation that is running without the signature of its URL.
    PollUnsigned,
    /// Waits for the end of the operation and looks at the instance at once.
    AwaitOperation,
    /// Waits for the end of the operation and until the instance is at rest.
    AwaitRest,
}

/// What a trial reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// An instance that is not there.
    MissingInstance,
    /// A soft-deleted instance that is not there.
    MissingDeletedInstance,
    /// An instance that is not there, under the longest name that the operator takes.
    LongName,
    /// The vault, once with every api-version that the operator speaks.
    EveryVersion,
}

/// What a trial needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A second policy.
    OtherPolicy,
    /// A vault whose own soft delete is on.
    SoftDeleteOn,
    /// A vault whose own soft delete is off.
    SoftDeleteOff,
    /// An api-version with which every DELETE is soft.
    AlwaysSoft,
}

impl Trial {
    /// What is done, and where, in words.
    #[must_use]
    pub fn what(&self) -> String {
        let request = match (self.action, self.from) {
            (Action::Read(Reading::EveryVersion), _) => return "GET of the vault with each".to_owned(),
            (Action::Read(_), _) => return "GET".to_owned(),
            (Action::PollUnsigned, _) => "GET of the operation".to_owned(),
            (Action::Look, _) => "GET".to_owned(),
            (Action::Send(request), _) => request.to_string(),
            (Action::AwaitOperation, Stage::During(course)) => {
                return format!("{}, once it succeeded", course.request());
            }
            (Action::AwaitRest, Stage::During(course)) => return format!("{}, to its end", course.request()),
            (Action::AwaitOperation | Action::AwaitRest, _) => "GET".to_owned(),
        };
        format!("{request} while {}", self.from)
    }

    /// Whether a backup instance is needed, and so something is written.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.from != Stage::Anywhere
    }
}

impl Source {
    /// What kind of source it is, in one word.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Recorded(_) => "recording",
            Self::Documented(_) => "documentation",
            Self::Inferred(_) => "inferred",
        }
    }

    /// Which one.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Recorded(text) | Self::Documented(text) | Self::Inferred(text) => text,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.text())
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherPolicy => "a second policy (--other-policy)",
            Self::SoftDeleteOn => "a vault whose soft delete is on",
            Self::SoftDeleteOff => "a vault whose soft delete is off",
            Self::AlwaysSoft => "an api-version from 2025-09-01 on",
        })
    }
}

/// The observations that agree, as one text.
#[must_use]
pub fn alternatives(expected: &[Expected]) -> String {
    expected.iter().map(Expected::to_string).collect::<Vec<_>>().join("; or ")
}
